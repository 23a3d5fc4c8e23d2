"""What a fixed set of texts and a tiny voice give, as numbers and texts that JSON can hold.

The stages but T2S are arithmetic that every machine does alike; T2S is a tiny network in the engine that is served.
"""

import numpy as np
import torch

from gsv_build.checks.module_stages import SequenceRunner
from gsv_build.graphs.t2s_graphs import write_t2s_graphs
from gsv_build.modules.t2s import T2S
from gsv_build.sizes import T2SSizes
from gsv_runtime import contract
from gsv_runtime.speech_request import ReferenceRequest, parse_speech_request
from gsv_runtime.t2s.cpu_engine import CpuEngine
from gsv_runtime.tensors import check_inputs, to_wire
from gsv_runtime.text.frontend import TextFrontend
from gsv_runtime.text.symbols import phone_table
from gsv_runtime.tts.reuse.keys import content_digest
from gsv_runtime.tts.synthesis.chunking import ChunkSchedule
from gsv_runtime.tts.synthesis.pipeline import Pipeline
from gsv_runtime.voices.cloning import derive_voice

TEXTS = (
    ("en", "Dr. Smith paid $20.50 for 3 books at 4:30 p.m., didn't he?"),
    ("en", "The U.N. met on 5 May 2024; 1/2 of them left. Read what I read: it's 99.5% true!"),
    ("en", "I live in a live house, and I object to that object. NASA's 2nd Xzyqwt weighs 5 kg."),
    ("zh", "你好，今天是2024年5月6日，气温是-3.5℃。"),
    ("zh", "我们一起去银行，行不行？他长得很高，还要还书。"),
    ("zh", "老板给了我三十块钱，一会儿再说吧……"),
    ("auto", "今天我用iPhone拍了3张照片，花了$20。It was 3:30 p.m.!"),
    ("yue", "佢哋今日去咗香港大學，食咗兩碗雲吞麵。"),
    ("yue", "我12月25號返屋企，好唔好？"),
    ("ja", "今日は2024年5月6日です。私は学校へ行きました。"),
    ("ja", "東京タワーの高さは333メートル、すごいですね！"),
    ("ko", "안녕하세요, 오늘은 5월 6일입니다. 값이 얼마예요?"),
    ("ko", "국립박물관에서 책 3권을 읽었다."),
    ("auto", "こんにちは、世界。Hello, world. 你好，世界。"),
    ("en", '<speak>Call <say-as interpret-as="telephone">5550199</say-as> <break time="300ms"/> now.</speak>'),
    ("zh", '<speak><prosody rate="120%">快一点</prosody>，再见。</speak>'),
)
VOCABULARY = {"[UNK]": 100, "你": 872, "好": 1962, "今": 791, "天": 1921, ",": 117, ".": 119}
SIZES = T2SSizes(hidden=32, heads=4, layers=2, feed_forward=48, num_phones=322, vocabulary=65, bert_dim=2)
SCHEDULE = ChunkSchedule(first_tokens=6, max_tokens=12, lookahead_tokens=2, encoder_tokens=50, bucket=4)
REQUESTS = (
    {"streaming": "chunk", "seed": 3},
    {"streaming": "sentence", "seed": 4, "speed": 1.3, "noise_scale": 0.7},
    {"streaming": "off", "seed": 5, "top_k": 5, "top_p": 0.8, "temperature": 1.4, "repetition_penalty": 1.1},
)


def read_texts():
    """Sentences and phones of each text by both front ends, and a digest of all that is told beside them."""
    found = []
    for name in ("improved", "upstream"):
        frontend, table = TextFrontend("v2", VOCABULARY, name), list(phone_table("v2"))
        for language, text in TEXTS:
            if name == "upstream" and text.startswith("<speak>"):
                continue
            outputs = vars(frontend.process(text, language))
            others = {
                key: value for key, value in outputs.items() if key not in ("sentences", "phones", "words", "dropped")
            }
            found.append(
                {
                    "front end": name,
                    "text": text,
                    "sentences": list(outputs["sentences"]),
                    "phones": " ".join(table[phone] for phone in outputs["phones"]),
                    "others": content_digest(others)[:16],
                }
            )
    return found


def noise(seconds=3.0, rate_hz=44_100):
    """Samples [N] with something of every frequency, at a rate that has to be changed."""
    return 0.2 * np.random.default_rng(0).standard_normal(round(seconds * rate_hz)), rate_hz


def speak(facts, make_stages, recording, folder):
    """A voice, and what it says in three ways: tokens and lengths as they are, audio and features as a few sums."""
    stages = _stages(make_stages, folder)
    reference = ReferenceRequest(recording, "hi there, this is what is said in it", "en", trim=False)
    voice = derive_voice(reference, stages, facts)
    said = [_say(request, voice, facts, stages, recording) for request in REQUESTS]
    (heard,) = stages.inputs_of("hubert")
    derived = {
        "audio_16k": _sums(heard["audio_16k"]),
        "prompt_tokens": " ".join(map(str, voice.prompt_tokens)),
        "prompt_phones": " ".join(map(str, voice.prompt_phones)),
        "global_condition": _sums(voice.global_condition),
        "prompt_features": _sums(voice.prompt_features),
    }
    return {"voice": derived, "said": said}


def _say(request, voice, facts, stages, recording):
    given = {"text": "abcdefghij klmnop,qrstuvw xyz", "language": "en", **request}
    given["reference_audio"] = recording
    wire = to_wire(contract.TTS, contract.TTS.inputs, {name: [value] for name, value in given.items()})
    asked = parse_speech_request(check_inputs(contract.TTS, wire))
    before = len(stages.inputs_of("acoustic"))
    chunks = list(Pipeline(facts, tokens_per_call=5, schedule=SCHEDULE).speak(asked, voice, stages))
    windows = stages.inputs_of("acoustic")[before:]
    return {
        "tokens": [" ".join(map(str, window["semantic_tokens"].ravel())) for window in windows],
        "finished": [chunk.finish_reason for chunk in chunks],
        "samples": [chunk.waveform.size for chunk in chunks],
        "audio": [_sums(chunk.waveform) for chunk in chunks],
    }


def _sums(array):
    """Numbers that change where the array does; on another machine in the sixth place at most."""
    values = np.abs(array.astype(np.float64).ravel())
    weights = np.arange(values.size) * 0.6180339887 % 1  # no two neighbours alike
    return [float(f"{number:.8g}") for number in (values.sum(), (values * weights).sum(), values.max(initial=0))]


def _stages(make_stages, folder):
    """Arithmetic for every stage but T2S, which is a tiny network."""
    torch.manual_seed(1)
    model = T2S(SIZES)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
        model.head.weight[-1] *= 4  # or EOS would hardly ever be drawn
    engine = CpuEngine(write_t2s_graphs(model, folder, 256).engine, 1, 256, intra_op_threads=1)
    t2s = SequenceRunner(engine)
    nothing = {"semantic_tokens": np.zeros(0, np.int64), "finish_reason": np.array(["eos"], object)}

    def tokens(inputs, sequence):
        return t2s.call(sequence, inputs) or nothing

    def latents(inputs, _sequence):
        of_tokens = (inputs["semantic_tokens"].sum() + 3 * inputs["phones"].sum()) % 101 / 101
        return {"latents": inputs["noise"] + of_tokens + inputs["frame_positions"][:, np.newaxis] / 100}

    def prompt_tokens(inputs, _sequence):
        return {"prompt_tokens": (np.arange(inputs["ssl_features"].shape[2] // 2) % 64)[np.newaxis]}

    def embedding(inputs, _sequence):
        return {"speaker_embedding": np.resize(inputs["fbank"].mean(axis=1), (1, contract.SPEAKER_EMBEDDING_DIM))}

    def condition(inputs, _sequence):
        mean = inputs["linear_spectrogram"][:, :4].mean(axis=2)
        return {"global_condition": mean + inputs["speaker_embedding"][:, :4] / 100}

    return make_stages(
        t2s=tokens,
        acoustic=latents,
        speech_tokenizer=prompt_tokens,
        speaker_encoder=embedding,
        reference_encoder=condition,
    )
