"""Golden files for the encoder and for residual + LayerNorm.

To regenerate (writes *.safetensors beside this file, 1 CPU thread, seconds):

    python -m venv venv
    venv/bin/pip install torch==2.15.0 transformers==5.23.0 safetensors==0.8.0 numpy==2.4.6
    venv/bin/python tests/golden/encoder.py

These versions (PyPI's wheels, Python 3.11, x86-64) made the committed files on
the CPU, and a second run gives the same bytes. Other versions or another CPU
may differ in the last bits.

The models are transformers' own BertModel and AlbertModel in eval mode with
eager attention; changed only as in the paper: fixed sinusoidal positions, and
for ALBERT no embedding factorisation.

Encoder files: `weights/NAME`, `grad/NAME` (of `loss/value`), `input/{ids,mask,
token_types}`, `output/hidden.0` (what enters the first layer) to `.N`,
`output/pooled`, `loss/{R,Q,value}` with
    loss = sum(pooled * R) + sum(hidden.N * mask * Q),
and `buffer/embeddings.position_embeddings.inv_freq`.
Linear weights are [out, in], `loss/value` is [1]. The metadata's `config` is a
JSON string with the fields of the crate's config.json; no dropout, so that
gradients can be compared.

The gradient of a key's bias is 0 in exact arithmetic (softmax ignores what is
added to all scores of a row): what is stored there is rounding. For the same
reason no output depends on it.

layer_norm.safetensors: `CASE/{x,residual,gamma,beta,upstream}` and, for both
epsilons, `CASE/EPS/{output,grad_x,grad_residual,grad_gamma,grad_beta}`. The
case `offset` (rows around +-1000) has the same from float64 under
`offset/EPS/float64/`. Its x + residual is exact in float32.
"""

import hashlib
import json
import pathlib
import platform

import numpy as np
import safetensors
import safetensors.numpy
import torch
import transformers
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
PAD, CLS, SEP = 0, 1, 2
VOCABULARY = 42
TOLERANCE = 1e-5
LIMIT = 300_000

ENCODERS = {
    "bert-tiny": dict(
        seed=1, sharing="none", hidden=32, heads=4, layers=3, inner=64,
        lengths=(19, 7, 12, 3), two_types=True,
    ),
    "albert-tiny": dict(
        seed=2, sharing="all", hidden=32, heads=4, layers=3, inner=64,
        lengths=(5, 19, 2, 11), two_types=False,
    ),
    "albert-odd": dict(
        seed=3, sharing="all", hidden=48, heads=3, layers=2, inner=80,
        lengths=(13, 4, 17, 8), two_types=False,
    ),
}

# name, shape, offset of the rows
LAYER_NORMS = (
    ("5x7x32", (5, 7, 32), 0.0),
    ("2x3x33", (2, 3, 33), 0.0),
    ("1x1x768", (1, 1, 768), 0.0),
    ("3x5x256", (3, 5, 256), 0.0),
    ("offset", (1, 2, 192), 1000.0),
)
EPSILONS = ("1e-12", "1e-5")

# family, hidden, heads, feed-forward, layers, parameters of encoder + pooler
PRESETS = (
    ("bert", 768, 12, 3072, 12, 85_680_384),
    ("bert", 768, 12, 3072, 3, 21_889_536),
    ("albert", 768, 12, 3072, 12, 8_304_384),
    ("albert", 768, 12, 3072, 3, 8_304_384),
    ("bert", 256, 4, 1024, 12, 9_554_688),
    ("bert", 256, 4, 1024, 3, 2_446_848),
    ("albert", 256, 4, 1024, 12, 933_120),
    ("albert", 256, 4, 1024, 3, 933_120),
)


class SinusoidalPositions(nn.Module):
    """All sines, then all cosines, of position / 10000^(2i / hidden)."""

    def __init__(self, hidden, dtype):
        super().__init__()
        exponent = torch.arange(0, hidden, 2, dtype=dtype) / hidden
        self.register_buffer("inv_freq", 1.0 / 10000.0**exponent, persistent=False)

    def forward(self, position_ids):
        angle = position_ids[..., None].to(self.inv_freq.dtype) * self.inv_freq
        return torch.cat([angle.sin(), angle.cos()], dim=-1)


def build(sharing, hidden, heads, layers, inner):
    """transformers' model, still with its own position table."""
    shape = dict(
        vocab_size=VOCABULARY,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=inner,
        type_vocab_size=2,
        layer_norm_eps=1e-12,
        max_position_embeddings=128,
        hidden_act="gelu",  # exact, with erf
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        pad_token_id=PAD,
        attn_implementation="eager",
    )
    if sharing == "none":
        model = transformers.BertModel(transformers.BertConfig(**shape))
    else:
        model = transformers.AlbertModel(
            transformers.AlbertConfig(
                embedding_size=hidden, num_hidden_groups=1, inner_group_num=1, **shape
            )
        )
    assert model.config._attn_implementation == "eager"
    return model.eval()


def with_positions(model, hidden, dtype):
    model = model.to(dtype)
    model.embeddings.position_embeddings = SinusoidalPositions(hidden, dtype)
    return model


def random_weights(model, random):
    """Far from the defaults, so that a missing or swapped tensor shows, yet
    without saturating softmax or tanh."""
    weights = {}
    spread = 1.5 / model.config.hidden_size**0.5
    for name, parameter in model.named_parameters():
        values = random.standard_normal(tuple(parameter.shape))
        norm = "LayerNorm" in name or "layer_layer_norm" in name
        if norm and name.endswith("weight"):
            values = 1.0 + 0.3 * values
        elif "embeddings." in name and not norm:
            values = 0.5 * values
        elif values.ndim == 1 or "pooler" in name or "mapping_in" in name:
            values = 0.2 * values
        else:
            values = spread * values
        weights[name] = torch.from_numpy(values.astype(np.float32))
    return weights


def load(model, weights):
    parameters = dict(model.named_parameters())
    assert parameters.keys() == weights.keys()
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(weights[name])


def random_inputs(random, lengths, two_types):
    shape = (len(lengths), max(lengths))
    ids = np.full(shape, PAD, dtype=np.int64)
    mask = np.zeros(shape, dtype=np.float32)
    types = np.zeros(shape, dtype=np.int64)
    for row, length in enumerate(lengths):
        ids[row, 0] = CLS
        ids[row, 1 : length - 1] = random.integers(4, VOCABULARY, length - 2)
        ids[row, length - 1] = SEP
        mask[row, :length] = 1.0
        if two_types:
            types[row, length // 2 : length] = 1
    return {
        "ids": torch.from_numpy(ids),
        "mask": torch.from_numpy(mask),
        "token_types": torch.from_numpy(types),
    }


def forward(model, inputs, attention_mask):
    """Every hidden state and the pooled output."""
    if isinstance(model, transformers.BertModel):
        layers = list(model.encoder.layer)
    else:
        layers = [model.encoder.albert_layer_groups[0].albert_layers[0]]
    states = []

    def note(_module, arguments, result):
        if not states:
            states.append(arguments[0])
        states.append(result[0] if isinstance(result, tuple) else result)

    hooks = [layer.register_forward_hook(note) for layer in layers]
    result = model(
        input_ids=inputs["ids"],
        attention_mask=attention_mask,
        token_type_ids=inputs["token_types"],
    )
    for hook in hooks:
        hook.remove()
    assert len(states) == model.config.num_hidden_layers + 1
    assert torch.equal(states[-1], result.last_hidden_state)
    return states, result.pooler_output


def run(spec, weights, inputs, probes, dtype, plain_padding=False):
    """Outputs, loss and gradients in `dtype`."""
    model = build(*(spec[key] for key in ("sharing", "hidden", "heads", "layers", "inner")))
    model = with_positions(model, spec["hidden"], dtype)
    load(model, weights)
    if plain_padding:
        model.embeddings.word_embeddings.padding_idx = None
    states, pooled = forward(model, inputs, inputs["mask"].long())
    # The paper's mask must do the same as transformers'.
    additive = (1.0 - inputs["mask"].to(dtype))[:, None, None, :] * -10000.0
    additive = additive.expand(-1, 1, additive.shape[-1], -1)
    with torch.no_grad():
        for ours, theirs in zip(*(forward(model, inputs, additive)[0], states), strict=True):
            assert torch.equal(ours, theirs), "the additive mask changes the result"
    mask = inputs["mask"].to(dtype)[..., None]
    loss = (pooled * probes["R"].to(dtype)).sum()
    loss = loss + (states[-1] * mask * probes["Q"].to(dtype)).sum()
    loss.backward()
    tensors = {f"output/hidden.{i}": state for i, state in enumerate(states)}
    tensors["output/pooled"] = pooled
    tensors["loss/value"] = loss
    for name, parameter in model.named_parameters():
        tensors[f"grad/{name}"] = parameter.grad
    inv_freq = model.embeddings.position_embeddings.inv_freq
    tensors["buffer/embeddings.position_embeddings.inv_freq"] = inv_freq
    return {name: tensor.detach().clone() for name, tensor in tensors.items()}


def largest_difference(ours, theirs, prefix):
    names = [name for name in ours if name.startswith(prefix)]
    assert names
    return max((ours[name].double() - theirs[name]).abs().max().item() for name in names)


def encoder(name, spec):
    random = np.random.default_rng(spec["seed"])
    template = with_positions(
        build(*(spec[key] for key in ("sharing", "hidden", "heads", "layers", "inner"))),
        spec["hidden"],
        torch.float32,
    )
    weights = random_weights(template, random)
    inputs = random_inputs(random, spec["lengths"], spec["two_types"])
    rows, length = inputs["ids"].shape

    def probe(*shape):
        return torch.from_numpy(random.standard_normal(shape).astype(np.float32))

    probes = {"R": probe(rows, spec["hidden"]), "Q": probe(rows, length, spec["hidden"])}
    single = run(spec, weights, inputs, probes, torch.float32)
    double = run(spec, weights, inputs, probes, torch.float64)

    # transformers gives [PAD]'s embedding no gradient; here it has none anyway.
    plain = run(spec, weights, inputs, probes, torch.float32, plain_padding=True)
    assert all(torch.equal(single[key], plain[key]) for key in single)

    output = largest_difference(single, double, "output/")
    gradient = largest_difference(single, double, "grad/")
    loss = largest_difference(single, double, "loss/")
    steepest = max(t.abs().max().item() for key, t in double.items() if key.startswith("grad/"))
    print(
        f"{name}: float32 against float64: outputs {output:.2e}, gradients {gradient:.2e} "
        f"(largest {steepest:.1f}), loss {loss:.2e} (of {double['loss/value'].item():.4f})"
    )
    assert output < TOLERANCE, output
    assert gradient < TOLERANCE * steepest, gradient

    tensors = {f"weights/{key}": value for key, value in weights.items()}
    tensors |= {f"input/{key}": value for key, value in inputs.items()}
    tensors |= {f"loss/{key}": value for key, value in probes.items()}
    tensors |= single
    config = {
        "vocab_size": VOCABULARY,
        "hidden_size": spec["hidden"],
        "num_hidden_layers": spec["layers"],
        "parameter_sharing": spec["sharing"],
        "num_attention_heads": spec["heads"],
        "intermediate_size": spec["inner"],
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.02,
        "max_length": 128,
    }
    write(name, tensors, {"config": json.dumps(config)})


def residual_layer_norm(given, eps, dtype):
    leaves = {
        key: given[key].to(dtype, copy=True).requires_grad_()
        for key in ("x", "residual", "gamma", "beta")
    }
    output = nn.functional.layer_norm(
        leaves["x"] + leaves["residual"],
        given["gamma"].shape,
        leaves["gamma"],
        leaves["beta"],
        eps,
    )
    output.backward(given["upstream"].to(dtype))
    result = {"output": output.detach()}
    result |= {f"grad_{key}": leaf.grad for key, leaf in leaves.items()}
    return result


def layer_norm():
    random = np.random.default_rng(4)
    tensors = {}
    for case, shape, offset in LAYER_NORMS:

        def normal(*size):
            return random.standard_normal(size).astype(np.float32)

        given = {"x": normal(*shape), "residual": normal(*shape)}
        if offset:
            # Multiples of 2^-12 below 1024: x + residual is exact in float32,
            # so that only the way to the variance makes a difference.
            for key, values in given.items():
                given[key] = np.round(0.1 * values * 4096) / np.float32(4096)
            sign = np.where(np.arange(shape[1]) % 2 == 0, 1.0, -1.0).astype(np.float32)
            given["x"] += np.float32(offset) * sign[None, :, None]
            total = given["x"] + given["residual"]
            exact = given["x"].astype(np.float64) + given["residual"]
            assert (total == exact).all()
        elif case == "2x3x33":
            # One row whose variance is near the larger epsilon.
            for values in given.values():
                values[0, 1] *= np.float32(2e-3)
        given["gamma"] = 1.0 + np.float32(0.3) * normal(shape[-1])
        given["beta"] = np.float32(0.2) * normal(shape[-1])
        given["upstream"] = normal(*shape)
        given = {key: torch.from_numpy(values) for key, values in given.items()}
        tensors |= {f"{case}/{key}": value for key, value in given.items()}

        for eps in EPSILONS:
            single = residual_layer_norm(given, float(eps), torch.float32)
            double = residual_layer_norm(given, float(eps), torch.float64)
            tensors |= {f"{case}/{eps}/{key}": value for key, value in single.items()}
            if offset:
                for key, value in double.items():
                    tensors[f"{case}/{eps}/float64/{key}"] = value
            differences = ", ".join(
                f"{key} {largest_difference(single, double, key):.2e}"
                f" (of {double[key].abs().max().item():.4g})"
                for key in single
            )
            print(f"layer_norm {case} {eps}: float32 against float64: {differences}")
            if not offset:
                assert largest_difference(single, double, "output") < TOLERANCE
    write("layer_norm", tensors, {"config": json.dumps({"epsilons": EPSILONS})})


def write(name, tensors, metadata):
    versions = {
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "numpy": np.__version__,
    }
    arrays = {key: np.ascontiguousarray(value.numpy()) for key, value in tensors.items()}
    assert all(np.isfinite(values).all() for values in arrays.values())
    packed = safetensors.numpy.save(arrays, metadata | versions)
    # The order of the metadata is not fixed: write the header sorted.
    length = int.from_bytes(packed[:8], "little")
    header = json.loads(packed[8 : 8 + length])
    header = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    packed = len(header).to_bytes(8, "little") + header + packed[8 + length :]
    reread = safetensors.numpy.load(packed)
    assert reread.keys() == arrays.keys()
    assert all(np.array_equal(reread[key], arrays[key]) for key in arrays)
    assert len(packed) < LIMIT, len(packed)
    path = HERE / f"{name}.safetensors"
    path.write_bytes(packed)
    digest = hashlib.sha256(packed).hexdigest()
    print(f"{path.name}: {len(arrays)} tensors, {len(packed)} bytes, sha256 {digest[:16]}")


def count_presets():
    for family, hidden, heads, inner, layers, expected in PRESETS:
        with torch.device("meta"):
            model = build("none" if family == "bert" else "all", hidden, heads, layers, inner)
        count = sum(
            parameter.numel()
            for name, parameter in model.named_parameters()
            if "position_embeddings" not in name
        )
        print(f"{family} hidden {hidden}, {layers} layers: {count:,} parameters")
        assert count == expected, (count, expected)


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}, numpy {np.__version__}, "
        f"safetensors {safetensors.__version__}"
    )
    count_presets()
    for name, spec in ENCODERS.items():
        encoder(name, spec)
    layer_norm()


if __name__ == "__main__":
    main()
