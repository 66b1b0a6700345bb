#!/usr/bin/env python3
"""Writes a full-size Qwen-1 GPTQ checkpoint folder with random weights, for measuring loading, memory and
speed without a download. The text it generates is noise.

usage: tools/random_gptq.py OUT [--shape 7b|1.8b] [--bits 4|8] [--group 128] [--act-order] [--shards 2]

1.8b takes 1.9 GB in 4 bits, 7b 5.9 GB. The layout is that of Qwen-7B-Chat-Int4: qweight, qzeros, scales and
g_idx for each linear layer, zero biases, embeddings and head in fp16. One random layer is made and repeated.
Standard library only.
"""
import argparse
import array
import pathlib
import random

from random_qwen import ROWS, SHAPES, matrix, ones, random_bytes, write_configs, write_vocabulary, write_weights

# The high byte of a group's fp16 scale, such that weights are of about 2^-6.
SCALE = {4: 0x1C, 8: 0x0C}
ZERO = {4: 0x77, 8: 0x7F}  # bytes of qzeros: the middle, less one


def group_order(source, o, inputs):
    """Each input's group."""
    groups = [i // o.group for i in range(inputs)]
    if o.act_order:
        source.shuffle(groups)
    return "I32", [inputs], array.array("i", groups).tobytes()


def linear(source, o, name, outputs, inputs, g_idx):
    groups = inputs // o.group
    scales = bytearray(2 * groups * outputs)
    scales[0::2] = random_bytes(source, groups * outputs)
    scales[1::2] = bytes([SCALE[o.bits]]) * (groups * outputs)
    return {
        f"{name}.qweight": ("I32", [inputs * o.bits // 32, outputs],
                            random_bytes(source, inputs * outputs * o.bits // 8)),
        f"{name}.qzeros": ("I32", [groups, outputs * o.bits // 32],
                           bytes([ZERO[o.bits]]) * (groups * outputs * o.bits // 8)),
        f"{name}.scales": ("F16", [groups, outputs], bytes(scales)),
        f"{name}.g_idx": g_idx,
        f"{name}.bias": ("F16", [outputs], bytes(2 * outputs)),
    }


def tensors(shape, o):
    source = random.Random(0)
    h, f = shape["hidden"], shape["ffn"]
    into_ffn = group_order(source, o, h)
    layer = {
        "ln_1.weight": ones(h, "F16"),
        **linear(source, o, "attn.c_attn", 3 * h, h, group_order(source, o, h)),
        **linear(source, o, "attn.c_proj", h, h, group_order(source, o, h)),
        "ln_2.weight": ones(h, "F16"),
        **linear(source, o, "mlp.w1", f, h, into_ffn),
        **linear(source, o, "mlp.w2", f, h, into_ffn),
        **linear(source, o, "mlp.c_proj", h, f, group_order(source, o, f)),
    }
    table = matrix(source, ROWS, h, dtype="F16")
    yield "transformer.wte.weight", table
    for i in range(shape["layers"]):
        for name, tensor in layer.items():
            yield f"transformer.h.{i}.{name}", tensor
    yield "transformer.ln_f.weight", ones(h, "F16")
    yield "lm_head.weight", table


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--shape", choices=SHAPES, default="1.8b")
    parser.add_argument("--bits", type=int, choices=[4, 8], default=4)
    parser.add_argument("--group", type=int, choices=[32, 64, 128], default=128)
    parser.add_argument("--act-order", action="store_true")
    parser.add_argument("--shards", type=int, default=2)
    o = parser.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    write_weights(o.out, list(tensors(SHAPES[o.shape], o)), o.shards)
    write_configs(o.out, SHAPES[o.shape], fp16=True, quantization_config={
        "quant_method": "gptq", "bits": o.bits, "group_size": o.group, "desc_act": o.act_order,
        "sym": True, "true_sequential": True, "static_groups": False, "damp_percent": 0.01,
    })
    write_vocabulary(o.out / "qwen.tiktoken")


if __name__ == "__main__":
    main()
