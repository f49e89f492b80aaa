"""Tiny checkpoints in the layouts of others, for `src/importing`.

To regenerate (writes checkpoints/ beside this file, seconds), with the
versions that `encoder.py` names:

    venv/bin/python tests/golden/checkpoints.py

`encoder.py` builds the models: transformers' own, with sinusoidal positions.
Every checkpoint is written from one of two encoders, BERT (2 layers) and
ALBERT (3 passes), hidden 8, 2 heads; `expected.safetensors` holds for each
`FAMILY/input/{ids,mask}` and `FAMILY/output/{last,pooled,tokens,endpoints}`.
The names are those of MolBERT's modules, as the paper's code derives them.
"""

import argparse
import pathlib

import numpy as np
import safetensors.numpy
import torch
import transformers

import encoder as golden

HERE = pathlib.Path(__file__).resolve().parent / "checkpoints"
HIDDEN, HEADS, INNER, MAX = 8, 2, 12, 24
FAMILIES = {"bert": ("none", 2), "albert": ("all", 3)}


def weights(family, random):
    sharing, layers = FAMILIES[family]
    template = golden.build(sharing, HIDDEN, HEADS, layers, INNER)
    template = golden.with_positions(template, HIDDEN, torch.float32)
    return golden.random_weights(template, random)


def heads(random):
    def normal(*shape):
        return torch.from_numpy((0.5 * random.standard_normal(shape)).astype(np.float32))

    decoder_bias = normal(golden.VOCABULARY)
    masked = {
        "transform.dense.weight": normal(HIDDEN, HIDDEN),
        "transform.dense.bias": normal(HIDDEN),
        "transform.LayerNorm.weight": 1 + normal(HIDDEN),
        "transform.LayerNorm.bias": normal(HIDDEN),
        "decoder.weight": normal(golden.VOCABULARY, HIDDEN),
        "bias": decoder_bias,
        "decoder.bias": decoder_bias,
    }
    physchem = {
        "1.weight": normal(HIDDEN, HIDDEN), "1.bias": normal(HIDDEN),
        "3.weight": normal(5, HIDDEN), "3.bias": normal(5),
    }
    same = {
        "1.weight": normal(HIDDEN, 2 * HIDDEN), "1.bias": normal(HIDDEN),
        "3.weight": normal(1, HIDDEN), "3.bias": normal(1),
    }
    finetune = {"weight": normal(2, HIDDEN), "bias": normal(2)}
    return masked, physchem, same, finetune


def named(prefix, tensors):
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


def expected(family, model, inputs, masked, finetune):
    states, pooled = golden.forward(model, inputs, inputs["mask"].long())
    last = states[-1]
    hidden = torch.nn.functional.gelu(
        last @ masked["transform.dense.weight"].T + masked["transform.dense.bias"]
    )
    hidden = torch.nn.functional.layer_norm(
        hidden, (HIDDEN,), masked["transform.LayerNorm.weight"],
        masked["transform.LayerNorm.bias"], 1e-12,
    )
    tokens = hidden @ masked["decoder.weight"].T + masked["bias"]
    endpoints = pooled @ finetune["weight"].T + finetune["bias"]
    return named(f"{family}/", {
        "input/ids": inputs["ids"], "input/mask": inputs["mask"],
        "output/last": last, "output/pooled": pooled,
        "output/tokens": tokens, "output/endpoints": endpoints,
    })


def pretrained(model, family, own, directory, learned):
    """save_pretrained of transformers' model, with its position table."""
    sharing, layers = FAMILIES[family]
    fresh = golden.build(sharing, HIDDEN, HEADS, layers, INNER)
    table = fresh.embeddings.position_embeddings
    table.weight.data = table.weight.data[:MAX].clone()
    fresh.config.max_position_embeddings = MAX
    if not learned:
        table.weight.data = model.embeddings.position_embeddings(torch.arange(MAX))
    with torch.no_grad():
        for name, parameter in fresh.named_parameters():
            if name in own:
                parameter.copy_(own[name])
    fresh.save_pretrained(directory)


def main():
    torch.set_num_threads(1)
    HERE.mkdir(exist_ok=True)
    random = np.random.default_rng(7)
    outputs = {}
    for family, prefix in (("bert", "model.bert."), ("albert", "model.psbert.")):
        sharing, layers = FAMILIES[family]
        own = weights(family, random)
        masked, physchem, same, finetune = heads(random)
        model = golden.build(sharing, HIDDEN, HEADS, layers, INNER)
        model = golden.with_positions(model, HIDDEN, torch.float32)
        golden.load(model, own)
        inputs = golden.random_inputs(random, (9, 5), False)
        with torch.no_grad():
            outputs |= expected(family, model, inputs, masked, finetune)
        inv_freq = model.embeddings.position_embeddings.inv_freq
        encoder = own | {"embeddings.position_embeddings.inv_freq": inv_freq}
        tasks = named("model.tasks.0.masked_lm_head.", masked)
        tasks |= named("model.tasks.1.physchem_head.physchem_clf.", physchem)
        tasks |= named("model.tasks.2.is_same_head.is_same_clf.", same)

        # Lightning: weights under state_dict, optimizer state beside them.
        first = torch.nn.Parameter(own["embeddings.word_embeddings.weight"].clone())
        optimizer = torch.optim.AdamW([first])
        first.sum().backward()
        optimizer.step()
        lightning = {
            "epoch": 3, "global_step": 7,
            "state_dict": named(prefix, encoder) | tasks,
            "optimizer_states": [optimizer.state_dict()],
            "lr_schedulers": [],
            "hyper_parameters": {"max_seq_length": 128},
            "hparams": argparse.Namespace(batch_size=16),
        }
        torch.save(lightning, HERE / f"{family}-lightning.ckpt")
        torch.save(
            lightning, HERE / f"{family}-legacy.ckpt", _use_new_zipfile_serialization=False
        )
        # A state dict alone, and a fine-tuned head.
        bare = "bert." if family == "bert" else "albert."
        torch.save(
            named(bare, encoder) | named("head.finetune_net.0.", finetune),
            HERE / f"{family}-finetuned.pt",
        )
        torch.save(
            {"state_dict": named(prefix.removeprefix("model."), encoder)
             | named("tasks.0.head.finetune_net.0.", finetune)},
            HERE / f"{family}-finetuned-legacy.pt",
            _use_new_zipfile_serialization=False,
        )
        torch.save(named("", encoder), HERE / f"{family}-encoder.pth")
        pretrained(model, family, own, HERE / f"{family}-pretrained", learned=False)
        pretrained(model, family, own, HERE / f"{family}-learned", learned=True)
    # What the architecture does not have.
    for name, changes in (("factorised", dict(embedding_size=4)), ("groups", dict(num_hidden_groups=2))):
        config = transformers.AlbertConfig(**(dict(
            vocab_size=golden.VOCABULARY, hidden_size=HIDDEN, embedding_size=HIDDEN,
            num_hidden_layers=2, num_attention_heads=HEADS, intermediate_size=INNER,
            hidden_act="gelu", max_position_embeddings=MAX,
        ) | changes))
        transformers.AlbertModel(config).save_pretrained(HERE / f"albert-{name}")
    arrays = {name: np.ascontiguousarray(t.numpy()) for name, t in outputs.items()}
    (HERE / "expected.safetensors").write_bytes(safetensors.numpy.save(arrays))
    for path in sorted(HERE.rglob("*")):
        if path.is_file():
            assert path.stat().st_size < 100_000, path
            print(path.relative_to(HERE), path.stat().st_size)


if __name__ == "__main__":
    main()
