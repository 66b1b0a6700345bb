#!/usr/bin/env python3
"""Makes tests/engine/data/qwen3_tiny: a Qwen3 checkpoint of random weights and what the original code makes of it.

usage: make_qwen3_golden.py [--out tests/engine/data/qwen3_tiny]

Needs torch and transformers with Qwen3 (4.51 or later), both from PyPI; written with torch 2.x on a CPU,
one thread. Seeds are fixed. The layout is that of every reference folder: the checkpoint's own files, a
cases.json (name, kind, input_ids, new_ids or the name of an array) and the arrays, fp32.
"""
import argparse
import json
import pathlib

import numpy as np
import torch
import transformers

VOCABULARY, PROMPTS = 256, (1, 17, 70)


def make_model():
    torch.manual_seed(20251)
    config = transformers.Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=32, max_position_embeddings=256, rope_theta=1000000.0, rms_norm_eps=1e-6,
        tie_word_embeddings=False, bos_token_id=None, eos_token_id=None, use_sliding_window=False)
    config._attn_implementation = "eager"
    model = transformers.Qwen3ForCausalLM(config)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "norm" in name:
                value.copy_(1 + 0.2 * torch.randn_like(value))
            elif "embed_tokens" in name:
                value.copy_(0.4 * torch.randn_like(value))
            elif "lm_head" in name:
                value.copy_(0.6 * torch.randn_like(value))
            else:
                value.copy_(torch.randn_like(value) / value.shape[1] ** 0.5)
            # The file holds bf16, so the reference computes with what bf16 holds, in fp32. Parameters
            # only: the rotation's frequencies are no part of the file.
            value.copy_(value.to(torch.bfloat16))
    return model.eval()


def logits_of(model, ids, first):
    """Scores of all positions: `first` ids at once, then one by one through the cache."""
    with torch.no_grad():
        out = model(torch.tensor([ids[:first]]), use_cache=True)
        rows, cache = [out.logits[0]], out.past_key_values
        for i in range(first, len(ids)):
            out = model(torch.tensor([[ids[i]]]), past_key_values=cache, use_cache=True)
            rows.append(out.logits[0])
        return torch.cat(rows).numpy().astype("<f4")


def greedy(model, ids, n):
    """`n` greedy tokens and the smallest gap between the best and the second score."""
    new, margin = [], float("inf")
    with torch.no_grad():
        out = model(torch.tensor([ids]), use_cache=True)
        for _ in range(n):
            best = torch.topk(out.logits[0, -1], 2)
            margin = min(margin, float(best.values[0] - best.values[1]))
            new.append(int(best.indices[0]))
            out = model(torch.tensor([[new[-1]]]), past_key_values=out.past_key_values, use_cache=True)
    return new, margin


def write_checkpoint(model, out):
    model.config.architectures = ["Qwen3ForCausalLM"]
    stored = {name: value.to(torch.bfloat16).contiguous() for name, value in model.state_dict().items()}
    from safetensors.torch import save_file
    save_file(stored, out / "model.safetensors", metadata={"format": "pt"})
    keys = ("architectures", "attention_bias", "head_dim", "hidden_act", "hidden_size", "intermediate_size",
            "max_position_embeddings", "model_type", "num_attention_heads", "num_hidden_layers",
            "num_key_value_heads", "rms_norm_eps", "tie_word_embeddings", "use_sliding_window", "vocab_size")
    config = {key: getattr(model.config, key) for key in keys}
    config |= {"rope_theta": 1000000.0, "rope_scaling": None, "torch_dtype": "bfloat16"}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("--out", type=pathlib.Path, default=here.parent / "tests/engine/data/qwen3_tiny")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    model = make_model()
    write_checkpoint(model, out)
    generator = np.random.default_rng(7)
    cases = []
    for n in PROMPTS:
        ids = [int(i) for i in generator.integers(0, VOCABULARY, n)]
        np.save(out / f"prefill_{n}.npy", logits_of(model, ids, n))
        cases.append({"name": f"prefill_{n}", "kind": "prefill", "input_ids": ids, "logits": f"prefill_{n}.npy"})
        if n > 1:
            first = n // 3
            np.save(out / f"steps_{n}.npy", logits_of(model, ids, first))
            cases.append({"name": f"steps_{n}", "kind": "prefill_then_single_steps", "first": first,
                          "input_ids": ids, "logits": f"steps_{n}.npy"})
        new, margin = greedy(model, ids, 32)
        cases.append({"name": f"greedy_{n}", "kind": "greedy", "input_ids": ids, "new_ids": new,
                      "min_margin": margin})
    about = f"transformers {transformers.__version__}, torch {torch.__version__}, fp32 over bf16 weights"
    (out / "cases.json").write_text(json.dumps({"model": "qwen3_tiny", "computed_in": about, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
