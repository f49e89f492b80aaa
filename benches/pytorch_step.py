"""Our training step and forward pass beside PyTorch's, turn by turn, on the
same padded batches, in fp32 and with the same number of threads.

    python -m venv venv
    venv/bin/pip install torch==2.15.0 transformers==5.23.0 numpy==2.4.6
    cargo build --release
    venv/bin/python benches/pytorch_step.py --delicate target/release/delicate \
        --preset delicate-small --threads 2

Prints one JSON object: molecules a second of both (median, smallest and
largest of the rounds) and the ratio of ours to PyTorch's, above 1 where ours
is faster; by the clock and by processor time, which other work on the machine
changes less (not at all with one thread: PyTorch's threads wait for each other
by spinning). Each round runs `delicate bench step` (a process of its own, with
a round of warm-up) and then one round here (after a round of warm-up before
the first). The command says which batches it used, and those are used here:
masked tokens, their places and labels, descriptors.

Ours leaves out padding on a CPU. PyTorch is measured both ways: `pytorch` with
padded batches, as transformers' models take them, and, where the layers share
their parameters, `pytorch_packed` with padding in the attention alone.

PyTorch is taken as fast as it comes without compiling: transformers' BertModel
and AlbertModel with scaled-dot-product attention, the fused AdamW. Loss and
optimizer are those of our pre-training: cross-entropy of the masked tokens
(head at their places alone) and squared error of the descriptors, dropout,
clipping, AdamW without decay of biases and LayerNorms, a constant rate. Every
step ends with the loss, every forward pass with the pooled output, read back.
"""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import time

import torch
import transformers
from torch import nn
from torch.nn import functional
from transformers.models.bert.modeling_bert import BertLMPredictionHead

PAD = 0


class SinusoidalPositions(nn.Module):
    """All sines, then all cosines."""

    def __init__(self, length, hidden):
        super().__init__()
        steps = torch.arange(0, hidden, 2, dtype=torch.float64) / hidden
        angle = torch.arange(length, dtype=torch.float64)[:, None] / 10_000.0**steps
        table = torch.cat([angle.sin(), angle.cos()], dim=-1).float()
        self.register_buffer("table", table, persistent=False)

    def forward(self, position_ids):
        return self.table[position_ids]


class Network(nn.Module):
    def __init__(self, shape, descriptors):
        super().__init__()
        same = {
            key: value for key, value in shape.items()
            if key not in ("parameter_sharing", "max_length")
        }
        same |= dict(
            max_position_embeddings=shape["max_length"], hidden_act="gelu",
            pad_token_id=PAD, attn_implementation="sdpa",
        )
        if shape["parameter_sharing"] == "none":
            self.encoder = transformers.BertModel(transformers.BertConfig(**same))
        else:
            config = transformers.AlbertConfig(
                embedding_size=shape["hidden_size"], num_hidden_groups=1,
                inner_group_num=1, **same,
            )
            self.encoder = transformers.AlbertModel(config)
        hidden = shape["hidden_size"]
        self.encoder.embeddings.position_embeddings = SinusoidalPositions(
            shape["max_length"], hidden
        )
        self.encoder_parameters = sum(p.numel() for p in self.encoder.parameters())
        # BERT's head on ALBERT too, as ours; the decoder is not tied.
        self.masked_lm_head = BertLMPredictionHead(transformers.BertConfig(**same))
        self.physchem_head = nn.Sequential(
            nn.Dropout(shape["hidden_dropout_prob"]), nn.Linear(hidden, hidden),
            nn.ReLU(), nn.Linear(hidden, descriptors),
        )

    def encode(self, batch):
        result = self.encoder(input_ids=batch["ids"], attention_mask=batch["mask"])
        return result.last_hidden_state, result.pooler_output

    def encode_packed(self, batch):
        """The same of rows without padding, which is added for attention alone."""
        model = self.encoder
        x = model.embeddings(
            batch["packed_ids"], position_ids=batch["positions"],
            token_type_ids=torch.zeros_like(batch["packed_ids"]),
        )[0]
        x = model.encoder.embedding_hidden_mapping_in(x)
        layer = model.encoder.albert_layer_groups[0].albert_layers[0]
        attention = layer.attention
        rows, length = batch["ids"].shape
        mask = batch["mask"].bool()[:, None, None, :]

        def heads(linear):
            padded = x.new_zeros(rows * length, x.shape[1])
            padded = padded.index_copy(0, batch["kept"], linear(x))
            return padded.view(rows, length, attention.num_attention_heads, -1).transpose(1, 2)

        for _ in range(model.config.num_hidden_layers):
            attended = functional.scaled_dot_product_attention(
                heads(attention.query), heads(attention.key), heads(attention.value),
                attn_mask=mask,
                dropout_p=attention.attention_dropout.p if self.training else 0.0,
            ).transpose(1, 2).reshape(rows * length, -1)[batch["kept"]]
            attended = attention.output_dropout(attention.dense(attended))
            x = attention.LayerNorm(x + attended)
            x = layer.full_layer_layer_norm(layer.ff_chunk(x) + x)
        return x, model.pooler_activation(model.pooler(x[batch["starts"]]))

    def loss(self, batch, packed):
        if packed:
            states, pooled = self.encode_packed(batch)
            states = states[batch["packed_places"]]
        else:
            states, pooled = self.encode(batch)
            states = states.flatten(0, 1)[batch["places"]]
        logits = self.masked_lm_head(states)
        return functional.cross_entropy(logits, batch["labels"]) + functional.mse_loss(
            self.physchem_head(pooled), batch["descriptors"]
        )


def padded(batch, device):
    sequences = batch["sequences"]
    length = max(map(len, sequences))
    ids = [ids + [PAD] * (length - len(ids)) for ids in sequences]
    mask = [[1] * len(ids) + [0] * (length - len(ids)) for ids in sequences]
    tensors = dict(ids=ids, mask=mask, places=batch["places"], labels=batch["labels"])
    kept = [row * length + place for row, ids in enumerate(sequences) for place in range(len(ids))]
    packed = {place: at for at, place in enumerate(kept)}
    tensors |= dict(
        kept=kept, packed_places=[packed[place] for place in batch["places"]],
        starts=[packed[row * length] for row in range(len(sequences))],
        packed_ids=[[token for ids in sequences for token in ids]],
        positions=[[place for ids in sequences for place in range(len(ids))]],
    )
    result = {name: torch.tensor(values, device=device) for name, values in tensors.items()}
    result["descriptors"] = torch.tensor(
        batch["descriptors"], dtype=torch.float32, device=device
    )
    return result


def adamw(model, config):
    decayed, others = [], []
    for parameter in model.parameters():
        (decayed if parameter.ndim > 1 else others).append(parameter)
    return torch.optim.AdamW(
        [
            dict(params=decayed, weight_decay=config["weight_decay"]),
            dict(params=others, weight_decay=0.0),
        ],
        lr=config["learning_rate"], betas=(config["beta_1"], config["beta_2"]),
        eps=config["epsilon"], fused=True,
    )


def spent(work):
    """Seconds by the clock and of processor time that `work` takes."""
    started, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - processor


def train(model, optimizer, clip_norm, batches, packed):
    model.train()
    for batch in batches:
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(batch, packed)
        loss.backward()
        if clip_norm > 0:
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        assert loss.item() == loss.item(), "the loss is no number"
    if batches[0]["ids"].is_cuda:
        torch.cuda.synchronize()


@torch.inference_mode()
def forward(model, batches, packed):
    model.eval()
    for batch in batches:
        (model.encode_packed(batch) if packed else model.encode(batch))[1].cpu()


@torch.inference_mode()
def check_packed(model, batches):
    model.eval()
    for batch in batches:
        off = (model.encode_packed(batch)[1] - model.encode(batch)[1]).abs().max().item()
        assert off < 1e-4, f"without padding PyTorch's network is off by {off}"


def delicate(arguments, dump):
    command = [
        arguments.delicate, "bench", "step", "--preset", arguments.preset,
        "--batch-molecules", str(arguments.batch_molecules), "--rounds", "1",
        "--device", "gpu" if arguments.gpu else "cpu", "--format", "json", "--quiet",
        "--dump-batches", str(dump),
    ]
    if arguments.molecules:
        command += ["--molecules", arguments.molecules]
    environment = os.environ | dict(RAYON_NUM_THREADS=str(arguments.threads))
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def spread(values):
    return dict(median=statistics.median(values), min=min(values), max=max(values))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--delicate", default="target/release/delicate", help="the command")
    parser.add_argument("--preset", default="delicate-small", help="a preset")
    parser.add_argument("--molecules", help="file of molecules; without it, those built in")
    parser.add_argument("--batch-molecules", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--gpu", action="store_true", help="CUDA here, wgpu there")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    device = "cuda" if arguments.gpu else "cpu"

    pieces = ("training", "forward")
    # Molecules a second by the clock and by processor time.
    rates = {piece: {} for piece in pieces}

    def note(piece, which, wall, processor):
        rates[piece].setdefault(which, []).append((wall, processor))

    with tempfile.TemporaryDirectory() as directory:
        dump = pathlib.Path(directory, "batches.json")
        for round_ in range(arguments.rounds):
            report = delicate(arguments, dump)
            if round_ == 0:
                workload = json.loads(dump.read_text())
                batches = [padded(batch, device) for batch in workload["batches"]]
                descriptors = batches[0]["descriptors"].shape[1]
                model = Network(report["encoder"], descriptors).to(device)
                assert model.encoder_parameters == report["parameters"]
                optimizer = adamw(model, workload["optimizer"])
                clip_norm = workload["optimizer"]["clip_norm"]
                ways = dict(pytorch=False)
                if report["encoder"]["parameter_sharing"] != "none":
                    ways["pytorch_packed"] = True
                    check_packed(model, batches)
                for packed in ways.values():
                    forward(model, batches, packed)
                    train(model, optimizer, clip_norm, batches, packed)
            molecules = report["setting"]["molecules"]
            for which, packed in ways.items():
                work = dict(
                    training=lambda: train(model, optimizer, clip_norm, batches, packed),
                    forward=lambda: forward(model, batches, packed),
                )
                for piece in pieces:
                    note(piece, which, *(molecules / seconds for seconds in spent(work[piece])))
            processor = report["by_processor_time"] or {}
            for piece in pieces:
                note(
                    piece, "ours", report[piece]["median"],
                    processor.get(piece, {}).get("median", float("nan")),
                )

    result = {"preset": arguments.preset}
    for piece, of in rates.items():
        result[piece] = {}
        for at, by in enumerate(("clock", "processor_time")):
            one = {which: [both[at] for both in values] for which, values in of.items()}
            figures = {which: spread(values) for which, values in one.items()}
            for which in ways:
                ratios = [a / b for a, b in zip(one["ours"], one[which])]
                figures[f"ratio_to_{which}"] = spread(ratios)
            result[piece][f"by_{by}"] = figures
    result["setting"] = dict(
        torch=torch.__version__, transformers=transformers.__version__,
        python=platform.python_version(), delicate=report["setting"]["version"],
        burn=report["setting"]["burn"], processor=report["setting"]["processor"],
        device=torch.cuda.get_device_name() if arguments.gpu else "CPU",
        backend=report["setting"]["backend"],
        threads=dict(ours=report["setting"]["threads"], pytorch=torch.get_num_threads()),
        molecules=molecules,
        tokens=sum(len(ids) for batch in workload["batches"] for ids in batch["sequences"]),
        padded_tokens=sum(batch["ids"].numel() for batch in batches),
        load=os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        training_batches=report["setting"]["training_batches"],
        rounds=arguments.rounds, unit="molecules/s",
    )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
