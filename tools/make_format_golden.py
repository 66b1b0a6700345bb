#!/usr/bin/env python3
"""Writes tests/formats/data/<format>.json: blocks of every weight format with the fp32 weights that the
numpy code of the `gguf` package makes of them, and weights with the blocks it packs them into. The int4
and int8 groups of GPTQ and AWQ are this project's own blocks; here numpy unpacks them.

Usage: tools/make_format_golden.py [--ggml SOURCE] [OUT]      (needs: pip install numpy gguf)

`gguf` has no encoder of q4_k: --ggml names the folder "ggml" of a llama.cpp checkout, whose reference code
(ggml-quants.c, compiled here without fused multiply-adds) writes those rows. Without it q4_k.json is left alone.

Bytes and fp32 values are hexadecimal, little-endian, in order. Seeded per format: the same versions write
the same files again.
"""

import argparse
import ctypes
import json
import pathlib
import subprocess
import tempfile
import zlib
from importlib.metadata import version

import gguf
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

PLAIN = {"f64": np.float64, "f32": np.float32, "f16": np.float16, "bf16": np.uint16}
WITH_ENCODER = ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1"]
# Where the fp16 fields of a block lie, in bytes.
HALF_FIELDS = {
    "q8_0": [0], "q4_0": [0], "q5_0": [0], "q4_1": [0, 2], "q5_1": [0, 2],
    "q2_k": [80, 82], "q3_k": [108], "q4_k": [0, 2], "q5_k": [0, 2], "q6_k": [208],
}
# Bit patterns of those fields; where a block has two, the second list goes with the second.
HALVES = {
    "ordinary": (0x2A3C, 0xAB11),
    "ordinary, other signs": (0xA901, 0x2F00),
    "largest": (0x7BFF, 0xFBFF),
    "smallest subnormal": (0x0001, 0x8001),
    "subnormal": (0x83FF, 0x0155),
    "zero": (0x0000, 0x8000),
    "infinite": (0x7C00, 0xFC00),
    "not a number": (0x7E00, 0x3C00),
}
# Groups of integers: bits, weights a group. Bytes: scale, zero, one unused, integers.
GROUPS = {"int4_g32": (4, 32), "int4_g128": (4, 128), "int8_g32": (8, 32), "int8_g128": (8, 128)}
HALF_FIELDS.update({name: [0] for name in GROUPS})
K_HALVES = ["ordinary", "largest", "subnormal"]  # these blocks are large


def upstream_type(name):
    return GGMLQuantizationType[name.upper()]


def decode_group(name, block):
    bits, length = GROUPS[name]
    q = block[4:]
    if bits == 4:
        q = np.concatenate([q & 15, q >> 4])
    assert len(q) == length
    scale = block[:2].view(np.float16).astype(np.float32)
    return scale * (q.astype(np.float32) - np.float32(block[2]))


def block_shape(name):
    if name in GROUPS:
        bits, length = GROUPS[name]
        return length, 4 + length * bits // 8
    return GGML_QUANT_SIZES[upstream_type(name)]


def decode(name, data):
    if name in GROUPS:
        return decode_group(name, data)
    if name == "f64":  # gguf has no decoder for it
        return data.view(np.float64).astype(np.float32)
    return gguf.quants.dequantize(data, upstream_type(name))


def decoding_rows(name, rng):
    """(what, bytes) for each row of the file."""
    if name in PLAIN:
        size = np.dtype(PLAIN[name]).itemsize
        bits = rng.integers(0, 256, 48 * size, dtype=np.uint8)
        yield "random bits", bits
        if size == 2:
            yield "corners", np.array(
                [0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00, 0x7F80,
                 0xFF80, 0x3C00, 0x3F80, 0x3555, 0x0080, 0x007F, 0x7F7F], np.uint16).view(np.uint8)
        return
    length, size = block_shape(name)
    for what in HALVES if length <= 128 else K_HALVES:
        block = rng.integers(0, 256, size, dtype=np.uint8)
        yield f"{what} scale, random levels", with_halves(name, block, HALVES[what])
    yield "all bits set", with_halves(name, np.full(size, 0xFF, np.uint8), HALVES["ordinary"])


def with_halves(name, block, halves):
    for at, half in zip(HALF_FIELDS[name], halves):
        block[at:at + 2] = np.array([half], np.uint16).view(np.uint8)
    return block


def encoding_rows(name, rng):
    """(what, 32 weights) for each row. No negative zeros: of equal zeros numpy and C pick different ones."""
    normal = lambda: rng.standard_normal(32)
    yield "normal", normal()
    yield "normal, small", normal() * 0.02
    yield "large", normal() * 1000
    yield "subnormal steps", normal() * 3e-6
    if name in PLAIN:
        return
    yield "zeros", np.zeros(32)
    yield "all equal", np.full(32, -0.3)
    yield "positive only", np.abs(normal()) + 1
    yield "negative only", -np.abs(normal()) - 1
    yield "one outlier", np.where(np.arange(32) == 17, 50.0, normal() * 0.1)
    ties = np.clip(np.round(normal() * 4) / 4, -0.75, 0.75) + 0.0
    ties[3], ties[20] = -1.0, 1.0
    yield "ties for the largest", ties
    yield "ties for the largest, other way round", -ties + 0.0
    yield "halfway levels of q8_0", np.concatenate([[127.0], np.arange(31) * 3 - 46.5])
    yield "halfway levels of q4_0", np.concatenate([[-8.0], np.arange(31) / 2 - 7.5 + 0.0])
    yield "halfway levels of q4_1", np.concatenate([[15.0], np.arange(31) / 2])


class Ggml:
    """quantize_row_<type>_ref of a llama.cpp checkout."""

    def __init__(self, source):
        folder = tempfile.mkdtemp()
        library, others = f"{folder}/quants.so", pathlib.Path(folder) / "others.c"
        others.write_text("#include <stdlib.h>\n" + "".join(  # functions of other files, which are never called
            f"void ggml_{name}(void) {{ abort(); }}\n" for name in ("abort", "row_size", "type_name", "type_size")))
        subprocess.run(["cc", "-O1", "-ffp-contract=off", "-shared", "-fPIC", f"-I{source}/include", f"-I{source}/src",
                        f"{source}/src/ggml-quants.c", others, "-lm", "-o", library], check=True)
        self.library = ctypes.CDLL(library)

    def encode(self, name, weights):
        length, size = GGML_QUANT_SIZES[upstream_type(name)]
        out = np.zeros(weights.size // length * size, np.uint8)
        row = getattr(self.library, f"quantize_row_{name.replace('k', 'K')}_ref")
        row(weights.ctypes.data_as(ctypes.c_void_p), out.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(weights.size))
        return out


def k_encoding_rows(rng):
    """(what, 256 weights) for each row: eight groups of 32."""
    normal = lambda: rng.standard_normal(256)
    yield "normal", normal() * 0.02
    yield "groups of other sizes and centres", normal() * np.repeat(2.0 ** np.arange(-6, 2), 32) + np.repeat(
        np.linspace(-0.1, 0.1, 8), 32)
    yield "positive only", np.abs(normal()) + 1
    yield "one outlier", np.where(np.arange(256) == 117, 50.0, normal() * 0.1)
    yield "a group of zeros and one all equal", np.where(np.arange(256) < 32, 0, np.where(
        np.arange(256) < 64, -0.3, normal()))


def f32_hex(values):
    return np.ascontiguousarray(values, np.float32).tobytes().hex()


def make(name, ggml):
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    golden = {
        "format": name,
        "made_by": "tools/make_format_golden.py",
        "versions": {"gguf": version("gguf"), "numpy": np.__version__},
        "decode": [
            {"what": what, "bytes": data.tobytes().hex(), "weights": f32_hex(decode(name, data))}
            for what, data in decoding_rows(name, rng)
        ],
        "encode": [],
    }
    if name in WITH_ENCODER:
        for what, weights in encoding_rows(name, rng):
            weights = weights.astype(np.float32)
            data = gguf.quants.quantize(weights, upstream_type(name))
            golden["encode"].append(
                {"what": what, "weights": f32_hex(weights), "bytes": data.tobytes().hex()})
    if name == "q4_k":
        for what, weights in k_encoding_rows(np.random.default_rng(4)):
            weights = weights.astype(np.float32)
            golden["encode"].append(
                {"what": what, "weights": f32_hex(weights), "bytes": ggml.encode(name, weights).tobytes().hex()})
    return golden


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--ggml")
    parser.add_argument("out", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).parent.parent / "tests/formats/data")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    ggml = Ggml(args.ggml) if args.ggml else None
    with np.errstate(all="ignore"):  # infinite and NaN scales are meant
        for name in [*PLAIN, *HALF_FIELDS]:
            if name == "q4_k" and ggml is None:
                continue
            (args.out / f"{name}.json").write_text(json.dumps(make(name, ggml), indent=1) + "\n")


if __name__ == "__main__":
    main()
