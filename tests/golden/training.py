"""Golden files for the steps of training: PyTorch's losses, gradients and
updated weights of every objective, on tiny models.

To regenerate (writes training-*.safetensors beside this file, 1 CPU thread,
seconds):

    python -m venv venv
    venv/bin/pip install torch==2.15.0 transformers==5.23.0 safetensors==0.8.0 numpy==2.4.6
    venv/bin/python tests/golden/training.py

These versions (PyPI's wheels, Python 3.11, x86-64) made the committed files on
the CPU. All is computed in float64 from weights that are float32, and stored
as float32; the script runs the same in float32 and asserts that both agree, so
that what is compared is well conditioned.

The encoders are transformers' BertModel and AlbertModel, built in encoder.py;
the token head is transformers' BertLMPredictionHead, its decoder not tied.
Losses, all means over what counts (padding, missing labels and tokens that
were not hidden count nowhere):

    masked_lm   cross-entropy of the hidden tokens
    physchem    squared error of the descriptors
    structure   squared error of structure vectors, summed over their numbers;
                the head has no bias, and its outputs are multiplied by 0.25
    labels      squared error of standardised quantities and cross-entropy of
                classes, over the labels that are there
    soft        tokens: cross-entropy against the teacher's distribution, both
                at temperature T; endpoints: squared error against the
                teacher's quantities, cross-entropy against the teacher's
                classes at T
    hidden      squared error of hidden states, summed over the layer map
    similarity  squared error of H H' / width over the pairs of tokens of a
                molecule, summed over the layer map
    pooled      squared error of pooled outputs

The step is torch.optim.AdamW with two groups (no decay for biases and
LayerNorms) behind clip_grad_norm_, at the rates of transformers'
get_linear_schedule_with_warmup. Three steps are made on the same batch.
Adam divides a gradient by its own size, so an element whose gradient is
nothing but rounding (a key's bias) would move at random: epsilon is 1e-4 or
more here, which also makes its place in the formula visible.

A file holds `weights/NAME` and `teacher/NAME`, `input/{ids,mask,unmasked}`
(`unmasked` -100 where no token is hidden), `input/descriptors`,
`input/structures`, `loss/NAME`, `loss/total`, `grad/NAME` of the total (a
parameter that the total does not depend on has none), `norm`, `after1/NAME`
and `after3/NAME`. The metadata holds JSON: `model` and `teacher`
(configurations), `weights` (of the losses), `labels` (null where missing),
`distillation`, `optimizer`, `progress` (of the three steps, 0 to 1).
"""

import functools
import json
import platform

import numpy as np
import torch
import transformers
from torch import nn
from torch.nn import functional
from transformers.models.bert.modeling_bert import BertLMPredictionHead

import encoder as golden

LIMIT = 150_000
MASK = 3
IGNORED = -100
# Of the whole run, in steps; the steps made are at STEPS.
TOTAL, WARMUP, STEPS = 20, 5, (2, 8, 18)

SHARED = dict(sharing="all", hidden=16, heads=2, layers=2, inner=24)
STACKED = dict(sharing="none", hidden=16, heads=2, layers=2, inner=24)
# name, task, mean, deviation
ENDPOINTS = (
    ("first", "regression", 1.5, 2.0),
    ("class", "classification", 0.0, 1.0),
    ("second", "regression", -3.0, 0.5),
)
OPTIMIZER = dict(
    learning_rate=5e-3, warmup=WARMUP / TOTAL, weight_decay=0.1, beta_1=0.9,
    beta_2=0.98, epsilon=1e-4, clip_norm=1.0, accumulation=1,
)

OBJECTIVES = {
    "pretrain-shared": dict(
        seed=11, student=SHARED, heads=dict(tokens=True, descriptors=5),
        weights=dict(masked_lm=1.0, physchem=1.0),
    ),
    # The mean over tokens is pooled, and structure vectors are predicted.
    "pretrain-mean": dict(
        seed=19, student=SHARED, pooling="mean",
        heads=dict(tokens=True, descriptors=3, structure=20),
        weights=dict(masked_lm=1.0, physchem=1.0, structure=0.5),
    ),
    # Bounded from a norm far above, without decay, other weights.
    "pretrain-stacked": dict(
        seed=12, student=STACKED, heads=dict(tokens=True, descriptors=3),
        weights=dict(masked_lm=0.7, physchem=2.0),
        optimizer=dict(clip_norm=0.1, weight_decay=0.0),
    ),
    "distill": dict(
        seed=13, student=SHARED, teacher=STACKED | dict(layers=4),
        heads=dict(tokens=True, descriptors=0), weights=dict(masked_lm=0.5),
        distillation=dict(
            temperature=8.0, temperature_squared=False, soft=1.0, hidden=1.0,
            similarity=1.0, pooled=0.5, layer_map=[],
        ),
        layer_map=((0, 0), (2, 1), (4, 2)),
    ),
    # A teacher of another width, T², and a layer map of one's own; nothing
    # depends on the pooler.
    "distill-wide": dict(
        seed=14, student=STACKED,
        teacher=dict(sharing="all", hidden=20, heads=2, layers=4, inner=24),
        heads=dict(tokens=True, descriptors=0), weights=dict(masked_lm=1.0),
        distillation=dict(
            temperature=8.0, temperature_squared=True, soft=0.5, hidden=0.0,
            similarity=2.0, pooled=0.0, layer_map=[[1, 1], [4, 2]],
        ),
        layer_map=((1, 1), (4, 2)),
    ),
    # Not bounded.
    "finetune": dict(
        seed=15, student=SHARED, heads=dict(endpoints=3), weights=dict(labels=1.0),
        optimizer=dict(clip_norm=0.0),
    ),
    # Below the bound. Gradients this large round by more: a larger epsilon.
    "finetune-stacked": dict(
        seed=16, student=STACKED, heads=dict(endpoints=3), weights=dict(labels=1.0),
        optimizer=dict(clip_norm=1000.0, epsilon=1e-3),
    ),
    "distill-task": dict(
        seed=17, student=SHARED, teacher=STACKED | dict(layers=4),
        heads=dict(endpoints=3), weights=dict(labels=0.5),
        distillation=dict(
            temperature=2.0, temperature_squared=False, soft=1.0, hidden=1.0,
            similarity=0.5, pooled=0.25, layer_map=[],
        ),
        layer_map=((0, 0), (2, 1), (4, 2)),
    ),
    # T² belongs to what is softened, the classes: quantities know no T.
    "distill-task-squared": dict(
        seed=18, student=SHARED, teacher=SHARED,
        heads=dict(endpoints=3), weights=dict(labels=0.0),
        distillation=dict(
            temperature=2.0, temperature_squared=True, soft=1.0, hidden=0.0,
            similarity=0.0, pooled=0.0, layer_map=[],
        ),
        layer_map=(),
    ),
}


class Network(nn.Module):
    """An encoder and its heads; parameters have the names of our files."""

    def __init__(self, shape, heads, pooling="first"):
        super().__init__()
        self.pooling = pooling
        width = shape["hidden"]
        self.encoder = golden.build(**shape)
        # transformers gives [PAD]'s embedding no gradient by decree.
        self.encoder.embeddings.word_embeddings.padding_idx = None
        if heads.get("tokens"):
            # Of BERT also on ALBERT, whose own has another shape.
            self.masked_lm_head = BertLMPredictionHead(
                transformers.BertConfig(
                    vocab_size=golden.VOCABULARY, hidden_size=width,
                    hidden_act="gelu", layer_norm_eps=1e-12,
                )
            )
            self.masked_lm_head.decoder.bias = self.masked_lm_head.bias
        if heads.get("descriptors"):
            self.physchem_head = nn.Module()
            self.physchem_head.physchem_clf = nn.Sequential(
                nn.Dropout(0.0), nn.Linear(width, width), nn.ReLU(),
                nn.Linear(width, heads["descriptors"]),
            )
        if heads.get("structure"):
            outputs = heads["structure"] + heads["descriptors"]
            self.structure_head = nn.Linear(width, outputs, bias=False)
        if heads.get("endpoints"):
            self.head = nn.Module()
            self.head.finetune_net = nn.Sequential(nn.Linear(width, heads["endpoints"]))

    def parameters_by_name(self):
        named = dict(self.named_parameters())
        # What is not stored: the decoder's bias is the head's own.
        named.pop("masked_lm_head.decoder.bias", None)
        return {name.removeprefix("encoder."): value for name, value in named.items()}

    def forward(self, inputs):
        states, pooled = golden.forward(
            self.encoder,
            {"ids": inputs["ids"], "token_types": torch.zeros_like(inputs["ids"])},
            inputs["mask"].long(),
        )
        if self.pooling == "mean":
            mask = inputs["mask"].to(pooled.dtype)[..., None]
            mean = (states[-1] * mask).sum(1) / mask.sum(1)
            pooler = self.encoder.pooler
            pooled = getattr(pooler, "dense", pooler)(mean).tanh()
        return states, pooled


def network(shape, heads, weights, dtype, pooling="first"):
    result = Network(shape, heads, pooling)
    golden.with_positions(result.encoder, shape["hidden"], dtype)
    result = result.to(dtype)
    parameters = result.parameters_by_name()
    if weights is not None:
        assert parameters.keys() == weights.keys()
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(weights[name])
    return result.train()


def random_weights(shape, heads, random):
    template = Network(shape, heads)
    golden.with_positions(template.encoder, shape["hidden"], torch.float32)
    weights = {}
    for name, parameter in template.parameters_by_name().items():
        values = random.standard_normal(tuple(parameter.shape))
        if is_norm(name) and name.endswith("weight"):
            values = 1.0 + 0.3 * values
        elif "embeddings." in name:
            values = 0.5 * values
        elif values.ndim == 1 or "pooler" in name or "mapping_in" in name:
            values = 0.2 * values
        else:
            values = 1.2 / shape["hidden"] ** 0.5 * values
        weights[name] = torch.from_numpy(values.astype(np.float32))
    return weights


def is_norm(name):
    return "LayerNorm" in name or "layer_layer_norm" in name


def random_inputs(spec, random):
    lengths = (9, 14, 5, 11)
    plain = golden.random_inputs(random, lengths, False)
    ids = plain["ids"].numpy().copy()
    unmasked = np.full_like(ids, IGNORED)
    inputs = {"mask": plain["mask"]}
    if spec["heads"].get("tokens"):
        for row, length in enumerate(lengths):
            for count, column in enumerate(range(1 + row, length - 1, 3)):
                unmasked[row, column] = ids[row, column]
                # Hidden, replaced, kept.
                if count % 3 == 0:
                    ids[row, column] = MASK
                elif count % 3 == 1:
                    ids[row, column] = 4 + (ids[row, column] - 4 + 7) % 38
    inputs["ids"] = torch.from_numpy(ids)
    inputs["unmasked"] = torch.from_numpy(unmasked)
    if count := spec["heads"].get("descriptors"):
        values = random.uniform(size=(len(lengths), count)).astype(np.float32)
        inputs["descriptors"] = torch.from_numpy(values)
    if count := spec["heads"].get("structure"):
        count += spec["heads"]["descriptors"]
        values = random.standard_normal((len(lengths), count)) / count**0.5
        inputs["structures"] = torch.from_numpy(values.astype(np.float32))
    if spec["heads"].get("endpoints"):
        labels = random.standard_normal((len(lengths), len(ENDPOINTS)))
        for column, (_, task, mean, deviation) in enumerate(ENDPOINTS):
            labels[:, column] = labels[:, column] * deviation + mean
            if task == "classification":
                labels[:, column] = [1.0, 0.0, 0.0, 1.0]
        labels[1, 0] = labels[2, 1] = labels[2, 2] = labels[3, 2] = np.nan
        inputs["labels"] = torch.from_numpy(labels.astype(np.float32))
    return inputs


def token_losses(spec, model, inputs, states, pooled):
    losses = {}
    if "masked_lm" in spec["weights"]:
        logits = model.masked_lm_head(states[-1])
        losses["masked_lm"] = functional.cross_entropy(
            logits.flatten(0, 1), inputs["unmasked"].flatten(), ignore_index=IGNORED
        )
    if "physchem" in spec["weights"]:
        outputs = model.physchem_head.physchem_clf(pooled)
        targets = inputs["descriptors"].to(outputs.dtype)
        losses["physchem"] = functional.mse_loss(outputs, targets)
    if "structure" in spec["weights"]:
        outputs = 0.25 * model.structure_head(pooled)
        targets = inputs["structures"].to(outputs.dtype)
        losses["structure"] = (outputs - targets).square().sum(1).mean()
    return losses


def endpoint_losses(spec, outputs, inputs):
    """Of every label that is there, then the mean of them all."""
    losses = []
    for column, (_, task, mean, deviation) in enumerate(ENDPOINTS):
        labels = inputs["labels"][:, column].to(outputs.dtype)
        present = ~labels.isnan()
        output, label = outputs[present, column], labels[present]
        if task == "regression":
            label = (label - mean) / deviation
            losses.append(functional.mse_loss(output, label, reduction="none"))
        else:
            losses.append(
                functional.binary_cross_entropy_with_logits(output, label, reduction="none")
            )
    return {"labels": torch.cat(losses).mean()} if spec["weights"].get("labels") else {}


def soft_endpoints(outputs, taught, temperature, squared):
    """Mean over molecules and endpoints."""
    losses = []
    for column, (_, task, _, _) in enumerate(ENDPOINTS):
        output, target = outputs[:, column], taught[:, column]
        if task == "regression":
            losses.append(functional.mse_loss(output, target, reduction="none"))
        else:
            entropy = functional.binary_cross_entropy_with_logits(
                output / temperature, (target / temperature).sigmoid(), reduction="none"
            )
            losses.append(entropy * temperature**2 if squared else entropy)
    return torch.cat(losses).mean()


def similarity(student, teacher, lengths):
    """Molecule by molecule, without its padding."""

    def pairs(states):
        grams = []
        for molecule, length in zip(states, lengths, strict=True):
            tokens = molecule[:length]
            grams.append((tokens @ tokens.T / tokens.shape[1]).flatten())
        return torch.cat(grams)

    return functional.mse_loss(pairs(student), pairs(teacher))


def losses(spec, model, teacher, inputs):
    """Losses by name and their weights."""
    states, pooled = model(inputs)
    weights = dict(spec["weights"])
    if spec["heads"].get("endpoints"):
        outputs = model.head.finetune_net(pooled)
        found = endpoint_losses(spec, outputs, inputs)
    else:
        found = token_losses(spec, model, inputs, states, pooled)
    if teacher is None:
        return found, weights
    with torch.no_grad():
        taught_states, taught_pooled = teacher(inputs)
    config = spec["distillation"]
    real = inputs["mask"].bool()
    temperature = config["temperature"]
    squared = config["temperature_squared"]
    if spec["heads"].get("endpoints"):
        with torch.no_grad():
            taught = teacher.head.finetune_net(taught_pooled)
        found["soft"] = soft_endpoints(outputs, taught, temperature, squared)
        weights["soft"] = config["soft"]
    else:
        with torch.no_grad():
            taught = teacher.masked_lm_head(taught_states[-1])[real]
        found["soft"] = functional.cross_entropy(
            model.masked_lm_head(states[-1])[real] / temperature,
            functional.softmax(taught / temperature, dim=-1),
        )
        weights["soft"] = config["soft"] * (temperature**2 if squared else 1.0)
    if config["hidden"]:
        found["hidden"] = sum(
            functional.mse_loss(states[own][real], taught_states[other][real])
            for other, own in spec["layer_map"]
        )
    if config["similarity"]:
        lengths = inputs["mask"].sum(1).int().tolist()
        found["similarity"] = sum(
            similarity(states[own], taught_states[other], lengths)
            for other, own in spec["layer_map"]
        )
    if config["pooled"]:
        found["pooled"] = functional.mse_loss(pooled, taught_pooled)
    weights |= {key: config[key] for key in ("hidden", "similarity", "pooled")}
    return found, weights


def train(spec, weights, teacher_weights, inputs, dtype):
    pooling = spec.get("pooling", "first")
    model = network(spec["student"], spec["heads"], weights, dtype, pooling)
    teacher = None
    if teacher_weights is not None:
        teacher = network(spec["teacher"], spec["heads"], teacher_weights, dtype).eval()
    settings = OPTIMIZER | spec.get("optimizer", {})
    parameters = model.parameters_by_name()
    groups = [
        dict(params=[], weight_decay=settings["weight_decay"]),
        dict(params=[], weight_decay=0.0),
    ]
    for name, parameter in parameters.items():
        groups[name.endswith("bias") or is_norm(name)]["params"].append(parameter)
    optimizer = torch.optim.AdamW(
        groups, lr=settings["learning_rate"], eps=settings["epsilon"],
        betas=(settings["beta_1"], settings["beta_2"]),
    )
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, WARMUP, TOTAL)
    everything = [parameter for group in groups for parameter in group["params"]]
    result = {}
    for number, step in enumerate(STEPS, 1):
        rate = settings["learning_rate"] * schedule.lr_lambdas[0](step)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        found, by_name = losses(spec, model, teacher, inputs)
        total = sum(by_name[name] * value for name, value in found.items())
        total.backward()
        if number == 1:
            result |= {f"loss/{name}": value for name, value in found.items()}
            result["loss/total"] = total
            for name, parameter in parameters.items():
                if parameter.grad is not None:
                    result[f"grad/{name}"] = parameter.grad
            result = {name: value.detach().clone() for name, value in result.items()}
        bound = settings["clip_norm"] or float("inf")
        norm = nn.utils.clip_grad_norm_(everything, bound)
        if number == 1:
            result["norm"] = norm.detach().clone()
        optimizer.step()
        if number in (1, 3):
            for name, parameter in parameters.items():
                result[f"after{number}/{name}"] = parameter.detach().clone()
    return result


def configuration(shape, heads, pooling="first"):
    model = {
        "model_type": "delicate",
        "name": "tiny",
        "preset": "custom",
        "license": "MIT",
        "vocab_size": golden.VOCABULARY,
        "hidden_size": shape["hidden"],
        "num_hidden_layers": shape["layers"],
        "parameter_sharing": shape["sharing"],
        "num_attention_heads": shape["heads"],
        "intermediate_size": shape["inner"],
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.02,
        "max_length": 128,
        "endpoints": [],
        "masked_lm": bool(heads.get("tokens")),
        "physchem": None,
    }
    if heads.get("endpoints"):
        model["endpoints"] = [
            {
                "name": name, "title": name, "unit": "", "description": "", "task": task,
                "scaling": {"mean": mean, "deviation": deviation},
            }
            for name, task, mean, deviation in ENDPOINTS
        ]
    if count := heads.get("descriptors"):
        model["physchem"] = {
            "descriptors": [f"d{i}" for i in range(count)],
            "quantiles": [[0.0, 1.0]] * count,
        }
    if count := heads.get("structure"):
        model["structure"] = {
            "bits": [0.1] * count,
            "descriptors": [0.5] * heads["descriptors"],
            "scales": [1.0, 1.0],
        }
    if pooling != "first":
        model["pooling"] = pooling
    return model


def objective(name, spec):
    random = np.random.default_rng(spec["seed"])
    weights = random_weights(spec["student"], spec["heads"], random)
    teacher = None
    if "teacher" in spec:
        teacher = random_weights(spec["teacher"], spec["heads"], random)
    inputs = random_inputs(spec, random)
    run = functools.partial(train, spec, weights, teacher, inputs)
    single, double = run(torch.float32), run(torch.float64)
    assert single.keys() == double.keys()

    def off(prefix):
        return golden.largest_difference(single, double, prefix)

    steepest = max(v.abs().max().item() for k, v in double.items() if k.startswith("grad/"))
    moved = max(
        (double[f"after1/{k}"] - weights[k].double()).abs().max().item() for k in weights
    )
    values = {k[5:]: round(v.item(), 5) for k, v in double.items() if k.startswith("loss/")}
    print(f"{name}: {values}, norm {double['norm'].item():.4f}")
    print(
        f"    float32 against float64: losses {off('loss/'):.1e}, gradients {off('grad/'):.1e} "
        f"(largest {steepest:.2f}), weights {off('after1/'):.1e} {off('after3/'):.1e} "
        f"(moved by {moved:.1e})"
    )
    assert off("loss/") < 2e-6 * double["loss/total"].item()
    assert off("grad/") < 2e-6 * steepest
    assert off("after1/") < 2e-6 and off("after3/") < 2e-6
    tensors = {f"weights/{key}": value for key, value in weights.items()}
    tensors |= {f"teacher/{key}": value for key, value in (teacher or {}).items()}
    tensors |= {f"input/{k}": v.float() for k, v in inputs.items() if k != "labels"}
    tensors |= {key: value.float() for key, value in double.items()}
    metadata = {
        "model": configuration(
            spec["student"], spec["heads"], spec.get("pooling", "first")
        ),
        "weights": spec["weights"],
        "optimizer": OPTIMIZER | spec.get("optimizer", {}),
        "progress": [step / TOTAL for step in STEPS],
    }
    if "labels" in inputs:
        # The files hold no NaN.
        rows = inputs["labels"].tolist()
        metadata["labels"] = [[None if x != x else x for x in row] for row in rows]
    if teacher:
        metadata["teacher"] = configuration(spec["teacher"], spec["heads"])
        metadata["distillation"] = spec["distillation"]
    golden.write(
        f"training-{name}", tensors, {key: json.dumps(value) for key, value in metadata.items()}
    )
    size = (golden.HERE / f"training-{name}.safetensors").stat().st_size
    assert size < LIMIT, size


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, numpy {np.__version__}"
    )
    for name, spec in OBJECTIVES.items():
        objective(name, spec)


if __name__ == "__main__":
    main()
