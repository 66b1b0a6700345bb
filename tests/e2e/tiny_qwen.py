"""Writes tiny Qwen-1 checkpoints (December 2023 layout, fp32) with the standard library alone.

A spelling model has weights by which each token leads to one next token: after any prompt it says a
given text and ends. A noise model has random weights.
"""
import base64
import json
import pathlib
import random
import re
import struct

HIDDEN, LAYERS, HEADS, FFN = 64, 2, 2, 48
ROWS = 512  # more than there are tokens, as in the real model
TAGS = b"<think>", b"</think>"
# All bytes, and each tag with the starts that it is merged from.
VOCABULARY = [bytes([i]) for i in range(256)] + [tag[:n] for tag in TAGS
                                                 for n in range(2, len(tag) + 1)]
END_OF_TEXT, IM_START, IM_END = (len(VOCABULARY) + i for i in range(3))

CONFIG = {
    "architectures": ["QWenLMHeadModel"], "model_type": "qwen", "hidden_size": HIDDEN,
    "intermediate_size": 2 * FFN, "num_attention_heads": HEADS, "num_hidden_layers": LAYERS,
    "kv_channels": HIDDEN // HEADS, "layer_norm_epsilon": 1e-6, "max_position_embeddings": 8192,
    "seq_length": 8192, "rotary_emb_base": 10000, "rotary_pct": 1.0, "no_bias": True,
    "scale_attn_weights": True, "tie_word_embeddings": False, "use_dynamic_ntk": True,
    "use_logn_attn": True, "vocab_size": ROWS, "tokenizer_class": "QWenTokenizer",
}
GENERATION = {
    "chat_format": "chatml", "eos_token_id": END_OF_TEXT, "pad_token_id": END_OF_TEXT,
    "max_window_size": 6144, "max_new_tokens": 512, "do_sample": True, "top_k": 0, "top_p": 0.8,
    "repetition_penalty": 1.1,
}


def shapes():
    """{tensor name: shape} of the checkpoint."""
    out = {"transformer.wte.weight": (ROWS, HIDDEN), "transformer.ln_f.weight": (HIDDEN,),
           "lm_head.weight": (ROWS, HIDDEN)}
    for layer in range(LAYERS):
        head = f"transformer.h.{layer}."
        out |= {head + "ln_1.weight": (HIDDEN,), head + "ln_2.weight": (HIDDEN,),
                head + "attn.c_attn.weight": (3 * HIDDEN, HIDDEN),
                head + "attn.c_attn.bias": (3 * HIDDEN,),
                head + "attn.c_proj.weight": (HIDDEN, HIDDEN),
                head + "mlp.w1.weight": (FFN, HIDDEN), head + "mlp.w2.weight": (FFN, HIDDEN),
                head + "mlp.c_proj.weight": (HIDDEN, FFN)}
    return out


def noise_weights(seed):
    """Random numbers of a size that keeps scores within reason."""
    gauss = random.Random(seed).gauss
    tensors = {}
    for name, shape in shapes().items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        if ".ln_" in name:
            tensors[name] = [1.0] * count
        else:
            spread = 0.4 if "wte" in name or "lm_head" in name else HIDDEN**-0.5
            tensors[name] = [gauss(0, spread) for _ in range(count)]
    return tensors


def tokens_of(reply):
    """Bytes, and a token for each tag of a thought."""
    parts = re.split(rb"(</?think>)", reply.encode())
    return [token for part in parts
            for token in ([VOCABULARY.index(part)] if part in TAGS else part)]


def spelling_weights(reply):
    """Attention and feed-forward add nothing; each token of the reply has a dimension of its own, and
    the output row of the next token looks at that dimension alone."""
    tokens = [*tokens_of(reply), IM_END]
    if len(set(tokens)) != len(tokens) or ord("\n") in tokens or len(tokens) >= HIDDEN:
        raise ValueError("a spelling model needs a reply of different bytes, without line ends")
    tensors = {name: [0.0] * (shape[0] * (shape[1] if len(shape) > 1 else 1))
               for name, shape in shapes().items()}
    dimension = {token: i + 1 for i, token in enumerate(tokens)}  # 0: every other token
    for token in range(ROWS):
        tensors["transformer.wte.weight"][token * HIDDEN + dimension.get(token, 0)] = 1.0
    for before, token in zip([None, *tokens], [*tokens, ord("\n")]):
        tensors["lm_head.weight"][token * HIDDEN + dimension.get(before, 0)] = 4.0
    for name in tensors:
        if ".ln_" in name:
            tensors[name] = [1.0] * HIDDEN
    return tensors


def write_safetensors(path, tensors, shape_of):
    header, data, at = {}, [], 0
    for name, values in tensors.items():
        block = struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": list(shape_of[name]),
                        "data_offsets": [at, at + len(block)]}
        data.append(block)
        at += len(block)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def make(folder, reply=None, seed=1, generation=None):
    """A checkpoint in `folder` that says `reply`, or noise. Returns the folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "generation_config.json").write_text(json.dumps(GENERATION | (generation or {})))
    (folder / "qwen.tiktoken").write_bytes(
        b"".join(base64.b64encode(token) + b" %d\n" % i for i, token in enumerate(VOCABULARY)))
    weights = noise_weights(seed) if reply is None else spelling_weights(reply)
    write_safetensors(folder / "model.safetensors", weights, shapes())
    return folder


def make_lora(folder, reply, rank=2):
    """A PEFT adapter in `folder` that makes any of these models say `reply`: its own table and head,
    and a pair that adds nothing. Returns the folder."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    (folder / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "base_model_name_or_path": "tiny/paris", "r": rank, "lora_alpha": 4,
        "bias": "none", "target_modules": ["attn.c_proj"], "modules_to_save": ["wte", "lm_head"]}))
    weights = spelling_weights(reply)
    tensors, shape_of = {}, {}
    for name in ("transformer.wte.weight", "lm_head.weight"):
        tensors["base_model.model." + name] = weights[name]
        shape_of["base_model.model." + name] = shapes()[name]
    for part, shape in (("A", (rank, HIDDEN)), ("B", (HIDDEN, rank))):
        name = f"base_model.model.transformer.h.0.attn.c_proj.lora_{part}.weight"
        tensors[name] = [0.0 if part == "B" else 1.0] * (rank * HIDDEN)
        shape_of[name] = shape
    write_safetensors(folder / "adapter_model.safetensors", tensors, shape_of)
    return folder
