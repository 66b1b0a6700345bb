#!/usr/bin/env python3
"""Makes tests/engine/data/chatglm_int4 and chatglm_int8: quantised ChatGLM checkpoints of random weights and what the
original code makes of them.

usage: make_chatglm_golden.py --chatglm2-32k FOLDER --chatglm3-32k FOLDER [--out tests/engine/data]

The folders hold upstream's own configuration_chatglm.py, modeling_chatglm.py and quantization.py, as ChatGLM2-6B-32K and
ChatGLM3-6B-32K are published; their code runs here. Written with hzg0601/cn-llm-codes 666907853b99 (chatglm2-6b-32k) and
DracoUnion/chatglm3-6b-int4-lora 044e47902cb8 (model). int4 has ChatGLM2's rope_ratio (positions divided), int8 ChatGLM3's
(base multiplied), so both rules are held too.

Upstream's `quantize` makes the weights. Its kernels are for CUDA; what they do stands here in torch: int4WeightCompression
(two weights a byte, the first in the upper half) and int4WeightExtractionFloat (integer times scale, in fp32). Upstream
on a GPU rounds that product to fp16: `fp16_weights_max_abs_diff` of each case says how far that moves the scores.

Needs numpy, torch 2.x and transformers from PyPI; CPU, one thread. Seeds are fixed.
"""
import argparse
import importlib
import json
import pathlib
import sys
import types

import numpy as np
import torch
import transformers

VOCABULARY, PROMPTS = 128, (1, 17, 50)


def upstream(folder, name):
    """The folder's Python files as package `name`: its modeling and quantization modules."""
    package = types.ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    return (importlib.import_module(name + ".configuration_chatglm"), importlib.import_module(name + ".modeling_chatglm"),
            importlib.import_module(name + ".quantization"))


def compress_int4(weight):
    first, second = weight[:, 0::2].to(torch.int16), weight[:, 1::2].to(torch.int16)
    return ((first << 4) | (second & 15)).to(torch.uint8).view(torch.int8)


def integers(weight, bits):
    if bits == 8:
        return weight
    both = weight.to(torch.int16)
    first, second = both >> 4, ((both & 15) ^ 8) - 8
    return torch.stack([first, second], dim=-1).reshape(weight.shape[0], -1).to(torch.int8)


def extract_float(weight, scale, bits):
    return integers(weight, bits).float() * scale.float()[:, None]


def extract_half(weight, scale, bits):
    return (integers(weight, bits).half() * scale.half()[:, None]).float()


def make_model(modules, bits, rope_ratio):
    configuration, modeling, quantization = modules
    quantization.compress_int4_weight = compress_int4
    torch.manual_seed(20232 + bits)
    config = configuration.ChatGLMConfig(
        num_layers=2, padded_vocab_size=VOCABULARY, hidden_size=64, ffn_hidden_size=96, kv_channels=16,
        num_attention_heads=4, seq_length=512, layernorm_epsilon=1e-5, rope_ratio=rope_ratio, add_qkv_bias=True,
        multi_query_attention=True, multi_query_group_num=2, original_rope=True, quantization_bit=0,
        torch_dtype=torch.float32, tie_word_embeddings=False, eos_token_id=2, pad_token_id=0)
    config.use_cache = True
    model = modeling.ChatGLMForConditionalGeneration(config, empty_init=False)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "layernorm" in name:
                value.copy_(1 + 0.2 * torch.randn_like(value))
            elif "word_embeddings" in name or name.endswith("bias"):
                value.copy_(0.4 * torch.randn_like(value))
            elif "output_layer" in name:
                value.copy_(0.5 * torch.randn_like(value))
            else:
                value.copy_(torch.randn_like(value) / value.shape[1] ** 0.5)
    # As published: the scales of fp16 weights, in fp16.
    model.half()
    torch.cuda.current_device = lambda: "cpu"  # where upstream sends the weights to be packed
    quantization.quantize(model.transformer.encoder, bits, device="cpu")
    return model.eval()


def write_checkpoint(model, out, bits, name, rope_ratio):
    stored = {key: value.contiguous() for key, value in model.state_dict().items()}
    if bits == 4:
        torch.save(stored, out / "pytorch_model.bin")
    else:
        from safetensors.torch import save_file
        save_file(stored, out / "model.safetensors", metadata={"format": "pt"})
    keys = ("add_bias_linear", "add_qkv_bias", "apply_query_key_layer_scaling",
            "apply_residual_connection_post_layernorm", "ffn_hidden_size", "fp32_residual_connection", "hidden_size",
            "kv_channels", "layernorm_epsilon", "multi_query_attention", "multi_query_group_num", "num_attention_heads",
            "num_layers", "original_rope", "padded_vocab_size", "post_layer_norm", "rmsnorm", "seq_length",
            "tie_word_embeddings", "eos_token_id", "pad_token_id")
    config = {"_name_or_path": name, "model_type": "chatglm", "architectures": ["ChatGLMModel"]}
    config |= {key: getattr(model.config, key) for key in keys}
    config |= {"rope_ratio": rope_ratio, "quantization_bit": bits, "torch_dtype": "float16"}
    (out / "config.json").write_text(json.dumps(config, indent=1) + "\n")


def logits_of(model, ids, first):
    """Scores of all positions: `first` ids at once, then one by one through the cache."""
    rows, cache = [], None
    with torch.no_grad():
        for begin, end in [(0, first)] + [(i, i + 1) for i in range(first, len(ids))]:
            out = model(torch.tensor([ids[begin:end]]), position_ids=torch.arange(begin, end)[None], past_key_values=cache,
                        use_cache=True, return_dict=True)
            rows.append(out.logits[0])
            cache = out.past_key_values
    return torch.cat(rows).numpy().astype("<f4")


def greedy(model, ids, n):
    """`n` greedy tokens and the smallest gap between the best and the second score."""
    new, margin = [], float("inf")
    for _ in range(n):
        best = torch.topk(torch.from_numpy(logits_of(model, ids + new, len(ids + new))[-1]), 2)
        margin = min(margin, float(best.values[0] - best.values[1]))
        new.append(int(best.indices[0]))
    return new, margin


def make(modules, name, bits, rope_ratio, out):
    out.mkdir(parents=True, exist_ok=True)
    model = make_model(modules, bits, rope_ratio)
    write_checkpoint(model, out, bits, name, rope_ratio)
    model.float()
    generator = np.random.default_rng(7)
    cases = []
    for n in PROMPTS:
        ids = [int(i) for i in generator.integers(0, VOCABULARY, n)]
        modules[2].extract_weight_to_half = extract_half
        rounded = logits_of(model, ids, n)
        modules[2].extract_weight_to_half = extract_float
        whole = logits_of(model, ids, n)
        difference = float(np.abs(rounded - whole).max())
        np.save(out / f"prefill_{n}.npy", whole)
        cases.append({"name": f"prefill_{n}", "kind": "prefill", "input_ids": ids, "logits": f"prefill_{n}.npy",
                      "fp16_weights_max_abs_diff": difference})
        if n == PROMPTS[-1]:
            np.save(out / f"steps_{n}.npy", logits_of(model, ids, n // 3))
            cases.append({"name": f"steps_{n}", "kind": "prefill_then_single_steps", "first": n // 3,
                          "input_ids": ids, "logits": f"steps_{n}.npy"})
        new, margin = greedy(model, ids, 32)
        cases.append({"name": f"greedy_{n}", "kind": "greedy", "input_ids": ids, "new_ids": new, "min_margin": margin})
        print(f"{out.name} {n}: std {whole.std():.2f}, fp16 weights {difference:.2g}, least margin {margin:.2g}")
    about = (f"upstream's code, transformers {transformers.__version__}, torch {torch.__version__}, fp32 over integers "
             "times fp16 scales")
    (out / "cases.json").write_text(json.dumps({"model": out.name, "computed_in": about, "cases": cases}) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = pathlib.Path(__file__).resolve().parent
    parser.add_argument("--chatglm2-32k", type=pathlib.Path, required=True)
    parser.add_argument("--chatglm3-32k", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, default=here.parent / "tests/engine/data")
    options = parser.parse_args()
    torch.set_num_threads(1)
    make(upstream(options.chatglm2_32k, "glm2"), "THUDM/chatglm2-6b-32k", 4, 16, options.out / "chatglm_int4")
    make(upstream(options.chatglm3_32k, "glm3"), "THUDM/chatglm3-6b-32k", 8, 50, options.out / "chatglm_int8")


if __name__ == "__main__":
    main()
