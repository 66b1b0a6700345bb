#!/usr/bin/env python3
"""Writes a full-size Qwen-1 checkpoint folder with random bf16 weights, for measuring loading, memory and
speed without a download. The text it generates is noise.

usage: tools/random_qwen.py OUT [--shape 7b|1.8b] [--shards 8]

7b takes 15.4 GB, 1.8b 3.7 GB. The layout is that of the published folders: config.json,
generation_config.json, sharded safetensors with an index, qwen.tiktoken. One random layer is made and
repeated; the vocabulary is made up too, of single bytes, pairs and triples. Standard library only.
"""
import argparse
import base64
import itertools
import json
import pathlib
import random

SHAPES = {
    "7b": {"hidden": 4096, "layers": 32, "heads": 32, "ffn": 11008},
    "1.8b": {"hidden": 2048, "layers": 24, "heads": 16, "ffn": 5504},
}
ROWS = 151936  # of the embedding and the head
RANKS = 151643  # of the vocabulary; special tokens follow

# The high byte of a number: sign, and an exponent that makes numbers of 2^-7 to 2^-5.
SMALL = {"BF16": bytes(0xBC if byte & 1 else 0x3C for byte in range(256)),
         "F16": bytes(0xA4 if byte & 1 else 0x24 for byte in range(256))}
ONE = {"BF16": b"\x80\x3f", "F16": b"\x00\x3c"}


def random_bytes(source, count):
    piece = 1 << 24  # randbytes counts bits in a C int
    return b"".join(source.randbytes(min(piece, count - at)) for at in range(0, count, piece))


# A tensor is its type, shape and bytes.
def matrix(source, *shape, dtype="BF16"):
    count = 1
    for size in shape:
        count *= size
    data = bytearray(2 * count)
    data[0::2] = random_bytes(source, count)
    data[1::2] = random_bytes(source, count).translate(SMALL[dtype])
    return dtype, list(shape), bytes(data)


def ones(size, dtype="BF16"):
    return dtype, [size], ONE[dtype] * size


def tensors(shape):
    source = random.Random(0)
    h, f = shape["hidden"], shape["ffn"]
    layer = {
        "ln_1.weight": ones(h),
        "attn.c_attn.weight": matrix(source, 3 * h, h),
        "attn.c_attn.bias": matrix(source, 3 * h),
        "attn.c_proj.weight": matrix(source, h, h),
        "ln_2.weight": ones(h),
        "mlp.w1.weight": matrix(source, f, h),
        "mlp.w2.weight": matrix(source, f, h),
        "mlp.c_proj.weight": matrix(source, h, f),
    }
    table = matrix(source, ROWS, h)
    yield "transformer.wte.weight", table
    for i in range(shape["layers"]):
        for name, tensor in layer.items():
            yield f"transformer.h.{i}.{name}", tensor
    yield "transformer.ln_f.weight", ones(h)
    yield "lm_head.weight", table


def write_shard(path, part):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, (dtype, shape, data) in part:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for _, tensor in part:
            out.write(tensor[2])


def split(everything, shards):
    """Whole tensors in order, about as many bytes in each part."""
    total = sum(len(tensor[2]) for _, tensor in everything)
    parts, size = [[]], 0
    for name, tensor in everything:
        if parts[-1] and size + len(tensor[2]) > total / shards and len(parts) < shards:
            parts.append([])
            size = 0
        parts[-1].append((name, tensor))
        size += len(tensor[2])
    return parts


def write_vocabulary(path):
    pieces = itertools.chain.from_iterable(itertools.product(range(256), repeat=n) for n in (1, 2, 3))
    with open(path, "wb") as out:
        for rank, piece in enumerate(itertools.islice(pieces, RANKS)):
            out.write(base64.b64encode(bytes(piece)) + b" %d\n" % rank)


def write_configs(out, s, **more):
    config = {
        "architectures": ["QWenLMHeadModel"], "model_type": "qwen", "vocab_size": ROWS,
        "hidden_size": s["hidden"], "intermediate_size": 2 * s["ffn"],
        "num_hidden_layers": s["layers"], "num_attention_heads": s["heads"],
        "kv_channels": s["hidden"] // s["heads"], "layer_norm_epsilon": 1e-6,
        "rotary_emb_base": 10000, "rotary_pct": 1.0, "seq_length": 8192,
        "max_position_embeddings": 32768, "use_dynamic_ntk": True, "use_logn_attn": True,
        "no_bias": True, "scale_attn_weights": True, "tie_word_embeddings": False, **more,
    }
    generation = {
        "chat_format": "chatml", "eos_token_id": RANKS, "pad_token_id": RANKS,
        "max_window_size": 24000, "max_new_tokens": 512, "do_sample": True, "top_k": 0,
        "top_p": 0.8, "repetition_penalty": 1.1,
    }
    (out / "config.json").write_text(json.dumps(config, indent=1))
    (out / "generation_config.json").write_text(json.dumps(generation, indent=1))


def write_weights(out, everything, shards):
    parts = split(everything, shards)
    index, total = {}, 0
    for i, part in enumerate(parts, 1):
        file = f"model-{i:05d}-of-{len(parts):05d}.safetensors"
        write_shard(out / file, part)
        index.update({name: file for name, _ in part})
        total += sum(len(tensor[2]) for _, tensor in part)
        print(f"{file}: {len(part)} tensors", flush=True)
    (out / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index}, indent=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--shape", choices=SHAPES, default="7b")
    parser.add_argument("--shards", type=int, default=8)
    o = parser.parse_args()
    o.out.mkdir(parents=True, exist_ok=True)
    write_weights(o.out, list(tensors(SHAPES[o.shape])), o.shards)
    write_configs(o.out, SHAPES[o.shape], bf16=True)
    write_vocabulary(o.out / "qwen.tiktoken")


if __name__ == "__main__":
    main()
