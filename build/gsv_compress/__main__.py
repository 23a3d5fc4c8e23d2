"""`python -m gsv_compress`: a smaller, faster voice from a voice, made from its own checkpoint alone.

The teacher says texts of ours; students learn from what it said. The new directory is built as any other
(`make build WEIGHTS=out`). Every part resumes: the same command goes on where it stopped. Data goes to stdout, talk to
stderr. Exit status: 0 done, 1 failed, 2 misuse.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from gsv_build.checkpoints import CheckpointError
from gsv_build.graphs.eight_bits import EightBits
from gsv_build.graphs.graph_quantisation import T2SPrecision

LOG = logging.getLogger("gsv.compress")
_ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = ("en", "zh", "ja")


def _count(text: str) -> int:
    """A number of things of which there is one at least."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """Arguments of `python -m gsv_compress`."""
    top = argparse.ArgumentParser(prog="python -m gsv_compress", description=__doc__)
    top.add_argument("--weights", type=Path, required=True, help="directory of the voice, as `make build` takes it")
    top.add_argument("--t2s", type=Path, help="the voice's .ckpt, under any name")
    top.add_argument("--sovits", type=Path, help="the voice's .pth, under any name")
    top.add_argument("--base", type=Path, help="directory of HuBERT, BERT and the speaker encoder")
    top.add_argument("--out", type=Path, required=True, help="the new weights directory")
    top.add_argument("--work", type=Path, help="lessons and checkpoints; default OUT-work")
    measures = top.add_argument_group("measures")
    measures.add_argument("--vocoder", choices=("light",), help="teach a vocoder of another kind")
    measures.add_argument("--t2s-layers", type=_count, help="layers of a T2S student")
    measures.add_argument(
        "--prune",
        type=float,
        help="share to leave out, such as 0.3: of T2S's heads and feed-forward channels, and of the vocoder's",
    )
    measures.add_argument(
        "--precision",
        choices=[each.value for each in T2SPrecision],
        default=T2SPrecision.INT8.value,
        help="of T2S's matrices on a CPU, where they bear it; fp32 leaves them as they are; default: %(default)s",
    )
    measures.add_argument(
        "--decoder-precision",
        choices=[each.value for each in EightBits],
        help="of the convolutions of acoustic model and HiFi-GAN, where they bear it; for GPUs (fp8: Ada, Hopper)",
    )
    measures.add_argument("--text-student", action="store_true",
                          help="teach a small text encoder that takes the Chinese BERT's place")  # fmt: skip
    made = top.add_argument_group("lessons and training")
    made.add_argument("--references", type=Path, help="folder of clips with references.json; default: ours")
    made.add_argument(
        "--language", choices=LANGUAGES, help="of the texts that the teacher says; default: en, zh for --text-student"
    )
    made.add_argument("--chinese-texts", type=Path, help="what a text student reads, a text a line; default: ours")
    made.add_argument("--texts-read", type=_count, default=4000, help="of those, how many")
    made.add_argument("--lessons", type=_count, default=1200, help="texts that the teacher says")
    made.add_argument("--minutes", type=float, default=60.0, help="of training, of each student, at most")
    made.add_argument("--steps", type=_count, help="of each student, at most; default by device")
    made.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    made.add_argument("--threads", type=_count, default=2, help="of the CPU")
    judged = top.add_argument_group("report")
    judged.add_argument("--judges", type=Path, default=Path(".venv-judges"), help="environment of `make judges`")
    judged.add_argument("--texts", type=_count, default=24, help="held-out texts that both say for the report")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line asks for."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    command = parser()
    asked = command.parse_args(argv)
    from gsv_compress.making import Making, plan_of

    plan = plan_of(asked)
    if plan.is_empty:
        command.error(
            "nothing to do; leave out --precision fp32, or name another measure: --vocoder, --t2s-layers, --prune, "
            "--decoder-precision or --text-student"
        )
    try:
        out = Making(plan).run()
    except (CheckpointError, ValueError, OSError) as failure:
        LOG.error("%s", failure)
        return 1
    sys.stdout.write(f"{out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
