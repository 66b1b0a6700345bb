#!/usr/bin/env python3
"""Makes tests/engine/data/lora_tiny: a LLaMA of random weights, two PEFT adapters, and what PEFT makes of them.

usage: make_lora_golden.py [--out tests/engine/data/lora_tiny]

Needs torch, transformers and peft, all from PyPI; written with peft 0.21, transformers 4.51 and torch 2.5 on
a CPU, one thread. Seeds are fixed. Everything is fp32, so that a merge rounds nothing but the sums. The first
adapter has ranks and alphas of its own for single modules (rank_pattern, alpha_pattern) and rank-stabilised
scales, the second replaces embedding table and output head by larger ones.
"""
import argparse
import json
import pathlib
import shutil

import numpy as np
import peft
import torch
import transformers

VOCABULARY, LARGER = 64, 72
PROMPT = [1, 9, 33, 2, 60, 17, 5, 40, 11, 0, 63]


def randomise(model, seed):
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                value.copy_(0.3 * torch.randn_like(value))
            elif "modules_to_save" in name:
                value.copy_(0.5 * torch.randn_like(value))


def make_base():
    torch.manual_seed(4)
    config = transformers.LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=128, bos_token_id=None, eos_token_id=None)
    model = transformers.LlamaForCausalLM(config)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(1 + 0.2 * torch.randn_like(value) if "norm" in name else 0.3 * torch.randn_like(value))
    return model.eval()


def adapter_on(model, config, seed, folder):
    """Trains nothing: random numbers in place of what training would give. Returns the merged model."""
    wrapped = peft.get_peft_model(model, config)
    randomise(wrapped, seed)
    wrapped.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    return wrapped.merge_and_unload().eval()


def greedy(model, ids, n):
    ids = list(ids)
    with torch.no_grad():
        for _ in range(n):
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
    return ids[-n:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/engine/data/lora_tiny"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    model = make_base()
    model.save_pretrained(out / "base")
    (out / "base" / "generation_config.json").unlink(missing_ok=True)
    every = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    model = adapter_on(model, peft.LoraConfig(
        r=4, lora_alpha=6, use_rslora=True, target_modules=every, task_type="CAUSAL_LM",
        rank_pattern={"up_proj": 6, "layers.1.self_attn.v_proj": 2}, alpha_pattern={"layers.0.mlp.down_proj": 11}),
        5, out / "first")
    model.resize_token_embeddings(LARGER)
    model = adapter_on(model, peft.LoraConfig(
        r=3, lora_alpha=5, target_modules=r".*\.(q_proj|v_proj)", modules_to_save=["embed_tokens", "lm_head"],
        task_type="CAUSAL_LM"), 6, out / "second")
    with torch.no_grad():
        logits = model(torch.tensor([PROMPT])).logits[0].numpy().astype("<f4")
    np.save(out / "logits.npy", logits)
    reference = {"made_with": f"peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}",
                 "input_ids": PROMPT, "logits": "logits.npy", "new_ids": greedy(model, PROMPT, 16)}
    (out / "reference.json").write_text(json.dumps(reference) + "\n")


main()
