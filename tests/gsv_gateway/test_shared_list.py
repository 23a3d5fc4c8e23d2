import asyncio

from gsv_gateway.shared_list import SharedList


def test_who_asks_at_once_shares_one_list_until_it_is_old():
    now, answers = [0.0], iter([["a"], ["b"]])

    async def ask():
        await asyncio.sleep(0)
        return next(answers)

    async def asked():
        shared = SharedList(ask, 5.0, lambda: now[0])
        first = await asyncio.gather(*(shared.get() for _ in range(30)))
        now[0] = 5.1
        return first, await shared.get(), shared.asked

    assert asyncio.run(asked()) == ([["a"]] * 30, ["b"], 2)
