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


def test_who_may_have_an_older_list_does_not_wait_for_the_next():
    now, may_answer, answers = [0.0], asyncio.Event(), iter([["a"], ["b"], ValueError("gone"), ["c"]])

    async def ask():
        await may_answer.wait()
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def asked():
        shared, found = SharedList(ask, 5.0, lambda: now[0]), []
        may_answer.set()
        found.append(await shared.get(old_s=10.0))
        may_answer.clear()
        now[0] = 6.0
        found.append(await shared.get(old_s=10.0))  # and one is on its way
        may_answer.set()
        while shared.last == ["a"]:
            await asyncio.sleep(0)
        now[0] = 12.0
        found.append(await shared.get(old_s=10.0))  # the next fails, and nobody hears of it
        while shared.asked < 3 or shared._asking:
            await asyncio.sleep(0)
        now[0] = 30.0
        return [*found, await shared.get(old_s=10.0)]

    assert asyncio.run(asked()) == [["a"], ["a"], ["b"], ["c"]]
