"""What benchmarks read of a running server is there to be read."""

from gsv_bench.cache import Listener, Server


def test_the_servers_log_tells_the_benchmark_of_the_cache_how_long_a_request_took(server, registered):
    listener = Listener(Server(f"127.0.0.1:{server.ports.grpc}", registered[0], server.state / "server.log"))
    answer = listener.ask("One short sentence.", cache="off")
    assert 0 < answer.server_ms <= answer.client_ms
