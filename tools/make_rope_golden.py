#!/usr/bin/env python3
"""Writes tests/models/data/rope.json: what transformers' own LLaMA makes of each kind of rope scaling.

Usage: tools/make_rope_golden.py [OUT]      (needs: pip install torch transformers)

`tables`: cosines and sines of some positions, of a forward pass over `length` positions that may follow
one over `prefill` positions. `models`: last logits of a tiny model, prefilled with the first `prefill`
ids and then fed one id after the other. Its weights are those of tests/support/tiny_llama.h. Floats are
hexadecimal, little-endian, in order.
"""

import json
import pathlib
import sys

import numpy as np
import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

SHAPE = {"hidden_size": 64, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 64,
         "num_hidden_layers": 1, "vocab_size": 32}

# name, config, prefill before (0: none), length, positions
TABLES = [
    ("none", {"max_position_embeddings": 2048}, 0, 2048, [0, 1, 7, 500, 2047]),
    ("other base", {"max_position_embeddings": 4096, "rope_theta": 1e6}, 0, 4096, [1, 3000]),
    ("linear", {"max_position_embeddings": 2048, "rope_scaling": {"type": "linear", "factor": 4.0}},
     0, 8192, [1, 9, 2048, 8000]),
    ("dynamic, short", {"max_position_embeddings": 512, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
     0, 512, [1, 511]),
    ("dynamic, long", {"max_position_embeddings": 512, "rope_scaling": {"type": "dynamic", "factor": 2.0}},
     0, 1300, [1, 511, 1299]),
    ("dynamic, one more",
     {"max_position_embeddings": 512, "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}},
     700, 701, [700]),
    ("dynamic, over the edge",
     {"max_position_embeddings": 512, "rope_scaling": {"rope_type": "dynamic", "factor": 4.0}},
     512, 513, [512]),
    ("yarn, Qwen2.5", {"max_position_embeddings": 32768, "rope_theta": 1e6, "head_dim": 128,
                       "rope_scaling": {"type": "yarn", "factor": 4.0,
                                        "original_max_position_embeddings": 32768}},
     0, 9000, [1, 100, 8999]),
    ("yarn, all set", {"max_position_embeddings": 8192,
                       "rope_scaling": {"rope_type": "yarn", "factor": 8.0, "beta_fast": 16.0,
                                        "beta_slow": 2.0, "attention_factor": 1.25,
                                        "original_max_position_embeddings": 1024}},
     0, 8000, [0, 3, 1024, 7999]),
    ("yarn, two mscales", {"max_position_embeddings": 4096,
                           "rope_scaling": {"rope_type": "yarn", "factor": 16.0, "mscale": 1.0,
                                            "mscale_all_dim": 0.5,
                                            "original_max_position_embeddings": 256}},
     0, 4000, [5, 3999]),
    ("llama3", {"max_position_embeddings": 131072, "rope_theta": 5e5, "head_dim": 128,
                "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                                 "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}},
     0, 10000, [1, 4000, 9999]),
]

MODELS = [
    ("linear", {"rope_scaling": {"type": "linear", "factor": 2.0}}, 20, 24),
    ("dynamic, prefill past the trained length", {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, 24, 30),
    ("dynamic, crossing the trained length", {"rope_scaling": {"type": "dynamic", "factor": 4.0}}, 12, 22),
    ("yarn", {"rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}}, 30, 34),
    ("llama3", {"max_position_embeddings": 32,
                "rope_scaling": {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0,
                                 "high_freq_factor": 4.0, "original_max_position_embeddings": 8}}, 16, 20),
]


def floats(values):
    return np.ascontiguousarray(values, dtype="<f4").tobytes().hex()


def make_config(config):
    return LlamaConfig(**{**SHAPE, **json.loads(json.dumps(config))}, attn_implementation="eager")


def table(name, config, prefill, length, positions):
    rotary = LlamaRotaryEmbedding(make_config(config))
    x = torch.zeros(1)
    if prefill:
        rotary(x, torch.arange(prefill)[None])
        cos, sin = rotary(x, torch.arange(prefill, length)[None])
    else:
        cos, sin = rotary(x, torch.arange(length)[None])
    rows = [p - prefill for p in positions]
    half = cos.shape[-1] // 2  # both halves hold the same
    return {"name": name, "config": {**SHAPE, **config}, "prefill": prefill, "length": length,
            "positions": positions, "cosines": floats(cos[0, rows, :half]), "sines": floats(sin[0, rows, :half])}


class Numbers:
    """The numbers of tiny_llama.h: a linear congruential generator's upper bits, in [-1, 1)."""

    def __init__(self):
        self.state = 1

    def take(self, shape, scale, centre):
        out = np.empty(int(np.prod(shape)), dtype=np.float32)
        for i in range(out.size):
            self.state = (self.state * 1664525 + 1013904223) % 2**32
            out[i] = np.float32(self.state >> 8) * np.float32(2.0**-23) - np.float32(1)
        return torch.from_numpy((out * np.float32(scale) + np.float32(centre)).reshape(shape))


def fill(model, config):
    numbers, state = Numbers(), model.state_dict()

    def matrix(name, scale):
        state[name].copy_(numbers.take(state[name].shape, scale, 0))

    matrix("model.embed_tokens.weight", 1)
    for i in range(config.num_hidden_layers):
        block = f"model.layers.{i}."
        for name in ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                     "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]:
            matrix(block + name + ".weight", 0.25)
        for name in ["input_layernorm", "post_attention_layernorm"]:
            state[block + name + ".weight"].copy_(numbers.take([config.hidden_size], 0.25, 1))
    state["model.norm.weight"].copy_(numbers.take([config.hidden_size], 0.25, 1))
    matrix("lm_head.weight", 0.5)


def model_case(name, change, prefill, length):
    config = {"max_position_embeddings": 16, "rms_norm_eps": 1e-5, **change}
    made = make_config(config)
    model = LlamaForCausalLM(made).eval().float()
    ids = [(7 * i * i + 3 * i + 1) % SHAPE["vocab_size"] for i in range(length)]
    with torch.no_grad():
        fill(model, made)
        out = model(torch.tensor([ids[:prefill]]), use_cache=True)
        rows = [out.logits[0, -1]]
        for token in ids[prefill:]:
            out = model(torch.tensor([[token]]), past_key_values=out.past_key_values, use_cache=True)
            rows.append(out.logits[0, -1])
    return {"name": name, "config": {**SHAPE, **config}, "ids": ids, "prefill": prefill,
            "logits": floats(torch.stack(rows))}


def main():
    default = pathlib.Path(__file__).parent.parent / "tests" / "models" / "data" / "rope.json"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    data = {"made_by": f"transformers {transformers.__version__}, torch {torch.__version__}",
            "tables": [table(*case) for case in TABLES], "models": [model_case(*case) for case in MODELS]}
    out.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
