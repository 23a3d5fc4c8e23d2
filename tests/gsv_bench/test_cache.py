"""What the server's log says of its requests."""

from gsv_bench.cache import times_ms

LOG = """07:44:37,414 I stream ended model=voices request=- outcome=done responses=1 elapsed_ms=132.54
07:44:40,389 I stream ended model=tts request=- outcome=done responses=3 elapsed_ms=294.46 voice=a
07:44:41,389 I stream ended model=tts request=7f outcome=Cancelled responses=1 elapsed_ms=20.00
07:44:42,389 I stream ended model=tts request='a b' outcome=done responses=1 elapsed_ms=31.00
07:44:43,389 I stream ended model=tts outcome=done elapsed_ms=8.25 responses=3 another=1
"""


def test_the_time_of_each_request_that_was_done_is_found_whatever_else_its_line_says():
    assert times_ms(LOG) == [294.46, 31.0, 8.25]
