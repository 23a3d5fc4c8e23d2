"""Who looks for the tests of a module finds them: in its mirror, or where the list below says."""

from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "runtime/gsv_runtime",
    "client/gsv_client",
    "loadtest/gsv_loadtest",
    "gateway/gsv_gateway",
    "build/gsv_build",
    "local/gsv_local",
)

# Modules without a test file of their own, and where they are tested.
TESTED_BY = {
    # names, types and constants, which every test uses
    "gsv_runtime/contract.py": "tests/gsv_build/test_pbtxt.py",
    "gsv_runtime/errors.py": "tests/gsv_runtime/triton/test_stage_calls.py",
    "gsv_runtime/jobs.py": "tests/gsv_runtime/triton/test_streams.py",
    "gsv_runtime/language_modes.py": "tests/gsv_runtime/text/test_segment.py",
    "gsv_runtime/metrics.py": "tests/gsv_runtime/triton/test_metrics.py",
    "gsv_runtime/model_files.py": "tests/gsv_build/test_build_repository.py",
    "gsv_runtime/stages.py": "tests/gsv_runtime/tts/synthesis/test_pipeline.py",
    "gsv_runtime/versions.py": "tests/gsv_build/checkpoints/test_versions.py",
    "gsv_runtime/t2s/engine.py": "tests/gsv_build/graphs/test_t2s_decoding.py",
    "gsv_runtime/models/weights_calls.py": "tests/gsv_runtime/models/test_service.py",
    "gsv_runtime/tts/served_models.py": "tests/gsv_runtime/tts/test_service.py",
    "gsv_runtime/tts/synthesis/pieces.py": "tests/gsv_runtime/tts/synthesis/test_pipeline.py",
    "gsv_runtime/tensor_types.py": "tests/gsv_build/test_pbtxt.py",
    "gsv_runtime/tts/synthesis/device_answers.py": "tests/gsv_runtime/tts/synthesis/test_token_answers.py",
    # halves of one thing
    "gsv_runtime/voices/voice_files.py": "tests/gsv_runtime/voices/test_archive.py",
    "gsv_runtime/voices/opening.py": "tests/gsv_runtime/voices/test_shared_store.py",
    "gsv_runtime/voices/file_kinds.py": "tests/gsv_runtime/voices/test_audio_files.py",
    "gsv_runtime/voices/report.py": "tests/gsv_runtime/voices/test_cleaning.py",
    "gsv_runtime/voices/speech_activity.py": "tests/gsv_runtime/voices/test_cleaning.py",
    "gsv_client/languages.py": "tests/repository/test_client_protocol.py",
    "gsv_client/fine_tunes.py": "tests/gsv_client/test_models_cli.py",
    "gsv_client/voice_report.py": "tests/gsv_client/test_cli.py",
    "gsv_runtime/cache/disk_files.py": "tests/gsv_runtime/cache/test_disk.py",
    "gsv_runtime/cache/levels.py": "tests/gsv_runtime/cache/test_tiers.py",
    "gsv_runtime/cache/redis_level.py": "tests/gsv_runtime/cache/test_redis.py",
    "gsv_runtime/server/flags.py": "tests/gsv_runtime/server/test_launch.py",
    "gsv_runtime/server/triton_process.py": "tests/gsv_runtime/server/test_local_server.py",
    "gsv_runtime/tts/job.py": "tests/gsv_runtime/tts/test_service.py",
    "gsv_runtime/tts/reuse/computed_once.py": "tests/gsv_runtime/tts/reuse/test_joined_requests.py",
    "gsv_runtime/tts/reuse/inline_voices.py": "tests/gsv_runtime/tts/reuse/test_speech_cache.py",
    "gsv_runtime/tts/reuse/sentence_reuse.py": "tests/gsv_runtime/tts/reuse/test_speech_cache.py",
    "gsv_runtime/tts/reuse/stage_answers.py": "tests/gsv_runtime/tts/reuse/test_speech_cache.py",
    "gsv_runtime/voices/cloning.py": "tests/gsv_runtime/voices/test_store.py",
    "gsv_runtime/graphs/text_pieces.py": "tests/gsv_runtime/graphs/test_text_piece_stage.py",
    "gsv_build/checkpoints/encodec.py": "tests/gsv_build/test_encodec.py",
    # a device's package needs graphs: all of it, before a server
    "gsv_runtime/inprocess/bundle_format.py": "tests/gsv_local/test_bundle.py",
    "gsv_runtime/inprocess/models.py": "tests/e2e/test_local.py",
    "gsv_local/connection.py": "tests/gsv_local/test_cli.py",
    "gsv_local/clients.py": "tests/e2e/test_local.py",
    "gsv_local/serving.py": "tests/e2e/test_local.py",
    "gsv_build/torch_engine.py": "tests/gsv_build/checks/test_module_stages.py",
    # engines and the decoder need graphs, which the builder makes
    "gsv_runtime/t2s/cpu_engine.py": "tests/gsv_build/graphs/test_t2s_decoding.py",
    "gsv_runtime/t2s/cuda_engine.py": "tests/gsv_build/graphs/test_t2s_decoding.py",
    "gsv_runtime/t2s/drawing_engine.py": "tests/gsv_build/graphs/test_drawing_engine.py",
    "gsv_runtime/t2s/launch_shapes.py": "tests/gsv_build/graphs/test_t2s_opening.py",
    "gsv_runtime/t2s/prefill.py": "tests/gsv_build/graphs/test_drawing_engine.py",
    "gsv_runtime/t2s/slot_memory.py": "tests/gsv_build/graphs/test_drawing_engine.py",
    "gsv_runtime/t2s/decoder.py": "tests/gsv_build/graphs/test_t2s_decoding.py",
    "gsv_runtime/t2s/opening.py": "tests/gsv_build/graphs/test_t2s_opening.py",
    "gsv_runtime/t2s/sampled_steps.py": "tests/gsv_build/graphs/test_sampled_steps.py",
    "gsv_runtime/graphs/vocoder_spectrum.py": "tests/gsv_runtime/graphs/test_opening.py",
    "gsv_runtime/triton/graph_model.py": "tests/e2e/test_served_stages.py",
    # a language is read by many modules together: by what is heard of it, and against upstream
    "gsv_runtime/text/*": "tests/gsv_runtime/text/test_reading_corpus.py",
    # the four transports and the commands give the same answers, so one test asks each of them
    "gsv_client/transport/*": "tests/gsv_client/test_client.py",
    "gsv_client/server_info.py": "tests/gsv_client/test_client.py",
    "gsv_client/cli_errors.py": "tests/gsv_client/test_cli.py",
    "gsv_client/decoders.py": "tests/gsv_local/test_hybrid.py",
    "gsv_client/latents.py": "tests/gsv_gateway/device/test_routes.py",
    "gsv_gateway/device/*": "tests/gsv_gateway/device/test_routes.py",
    "gsv_local/fetching.py": "tests/gsv_gateway/device/test_routes.py",
    "gsv_local/device.py": "tests/gsv_local/test_hybrid.py",
    "gsv_client/connection.py": "tests/gsv_client/test_cli.py",
    "gsv_client/say.py": "tests/gsv_client/test_cli.py",
    "gsv_client/pregenerate_cli.py": "tests/gsv_client/test_pregenerate.py",
    # what a run does from its beginning to its page
    "gsv_loadtest/on_gevent.py": "tests/gsv_loadtest/test_load.py",
    "gsv_loadtest/plots.py": "tests/gsv_loadtest/test_report.py",
    "gsv_loadtest/run.py": "tests/gsv_loadtest/test_load.py",
    "gsv_loadtest/scenarios.py": "tests/gsv_loadtest/test_load.py",
    "gsv_loadtest/user.py": "tests/gsv_loadtest/test_load.py",
    # a gateway is asked over HTTP, as its clients ask it
    "gsv_gateway/access.py": "tests/gsv_gateway/test_door.py",
    "gsv_gateway/edge.py": "tests/gsv_gateway/test_app.py",
    "gsv_gateway/gateway.py": "tests/gsv_gateway/test_app.py",
    "gsv_gateway/models.py": "tests/gsv_gateway/openai/test_routes.py",
    "gsv_gateway/metrics.py": "tests/gsv_gateway/test_app.py",
    "gsv_gateway/operations.py": "tests/gsv_gateway/test_app.py",
    "gsv_gateway/page_routes.py": "tests/e2e/test_clients.py",
    "gsv_gateway/problems.py": "tests/gsv_gateway/test_bodies.py",
    "gsv_gateway/settings.py": "tests/gsv_gateway/test_door.py",
    "gsv_gateway/speech_response.py": "tests/gsv_gateway/openai/test_routes.py",
    "gsv_gateway/audio/formats.py": "tests/gsv_gateway/audio/test_encoders.py",
    "gsv_gateway/live/socket.py": "tests/gsv_gateway/live/test_page_socket.py",
    "gsv_gateway/openai/fields.py": "tests/gsv_gateway/openai/test_routes.py",
    "gsv_gateway/openai/models.py": "tests/gsv_gateway/openai/test_sdk.py",
    "gsv_gateway/sovits/reference.py": "tests/gsv_gateway/sovits/test_fields.py",
    # parts of SoVITS, compared with upstream's
    "gsv_build/modules/*": "tests/gsv_build/modules/test_sovits.py",
    "gsv_build/graphs/graph_builder.py": "tests/gsv_build/graphs/test_sampling_graph.py",
    "gsv_build/graphs/precision.py": "tests/gsv_build/graphs/test_half_precision.py",
    "gsv_build/graphs/t2s_g*.py": "tests/gsv_build/graphs/test_t2s_graphs.py",
    # checkpoints, by what is read of them
    "gsv_build/checkpoints/config_fields.py": "tests/gsv_build/checkpoints/test_reading.py",
    "gsv_build/checkpoints/errors.py": "tests/gsv_build/checkpoints/test_wrong_files.py",
    "gsv_build/checkpoints/keys_bert.py": "tests/gsv_build/modules/test_bert.py",
    "gsv_build/checkpoints/keys_hubert.py": "tests/gsv_build/modules/test_hubert.py",
    "gsv_build/checkpoints/keys_speaker_encoder.py": "tests/gsv_build/modules/test_speaker_encoder.py",
    "gsv_build/checkpoints/official_configs.py": "tests/gsv_build/checkpoints/test_loading.py",
    "gsv_build/checkpoints/saving.py": "tests/gsv_build/checks/test_random_checkpoints.py",
    "gsv_build/checkpoints/sizes_s2.py": "tests/gsv_build/checkpoints/test_keys_s2.py",
    # building a repository, and checking what was built
    "gsv_build/bundle_sample.py": "tests/e2e/test_bundle.py",
    "gsv_build/remove_model.py": "tests/gsv_build/test_added_models.py",
    "gsv_build/build_record.py": "tests/gsv_build/test_build_repository.py",
    "gsv_build/configs.py": "tests/gsv_build/test_pbtxt.py",
    "gsv_build/deployment.py": "tests/gsv_build/test_build_repository.py",
    "gsv_build/size_presets.py": "tests/gsv_build/checks/test_random_checkpoints.py",
    "gsv_build/sizes.py": "tests/gsv_build/test_pairing.py",
    "gsv_build/stage_builds.py": "tests/gsv_build/test_build_repository.py",
    "gsv_build/tensorrt_library.py": "tests/gsv_build/test_engines.py",
    "gsv_build/checks/graph_stages.py": "tests/e2e/test_compress.py",
    "gsv_build/checks/parity.py": "tests/parity/test_equals_upstream.py",
    "gsv_build/checks/precision_errors.py": "tests/gsv_build/checks/test_verify.py",
    "gsv_build/checks/rounded_graphs.py": "tests/gsv_build/graphs/test_half_precision.py",
    "gsv_build/checks/served_stages.py": "tests/e2e/test_served_stages.py",
    "gsv_build/checks/several_references.py": "tests/parity/test_equals_upstream.py",
    "gsv_build/checks/upstream_data.py": "tests/parity/test_equals_upstream.py",
}


def modules():
    """Each module, as `gsv_runtime/tts/job.py`."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name not in ("__init__.py", "__main__.py"):
                yield path.relative_to((ROOT / package).parent).as_posix()


def mirror_of(module):
    """Where its tests would lie."""
    path = Path(module)
    return ROOT / "tests" / path.with_name(f"test_{path.name}")


def test_a_module_has_its_mirror_or_stands_in_the_list():
    unlisted = [module for module in modules() if not any(fnmatch(module, pattern) for pattern in TESTED_BY)]
    missing = {module: mirror_of(module).relative_to(ROOT) for module in unlisted if not mirror_of(module).is_file()}
    assert missing == {}, "write these, or say in TESTED_BY where the modules are tested"


def test_the_list_names_tests_that_exist_and_no_module_that_is_gone_or_has_its_mirror():
    every = list(modules())
    for pattern, test in TESTED_BY.items():
        assert (ROOT / test).is_file(), test
        found = [module for module in every if fnmatch(module, pattern)]
        assert found, f"{pattern} is gone"
        assert "*" in pattern or not mirror_of(pattern).is_file(), f"{pattern} has its mirror now"
