"""Our training step and forward pass beside PyTorch's, turn by turn, on the
same padded batches, in fp32 and with the same number of threads.

    python -m venv venv
    venv/bin/pip install torch==2.15.0 transformers==5.23.0 numpy==2.4.6
    cargo build --release
    venv/bin/python benches/pytorch_step.py --delicate target/release/delicate \
        --preset delicate-small --threads 2

Prints one JSON object: molecules a second of both (median, smallest and
largest of the rounds) and the ratio of ours to PyTorch's, above 1 where ours
is faster. Each round runs `delicate bench step` (a process of its own, with a
round of warm-up) and then one round here (after a round of warm-up before the
first). The command says which batches it used, and those are used here:
masked tokens, their places and labels, descriptors.

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

    def loss(self, batch):
        states, pooled = self.encode(batch)
        logits = self.masked_lm_head(states.flatten(0, 1)[batch["places"]])
        return functional.cross_entropy(logits, batch["labels"]) + functional.mse_loss(
            self.physchem_head(pooled), batch["descriptors"]
        )


def padded(batch, device):
    sequences = batch["sequences"]
    length = max(map(len, sequences))
    ids = [ids + [PAD] * (length - len(ids)) for ids in sequences]
    mask = [[1] * len(ids) + [0] * (length - len(ids)) for ids in sequences]
    tensors = dict(ids=ids, mask=mask, places=batch["places"], labels=batch["labels"])
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


def train(model, optimizer, clip_norm, batches):
    model.train()
    started = time.perf_counter()
    for batch in batches:
        optimizer.zero_grad(set_to_none=True)
        loss = model.loss(batch)
        loss.backward()
        if clip_norm > 0:
            nn.utils.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        assert loss.item() == loss.item(), "the loss is no number"
    if batches[0]["ids"].is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started


@torch.inference_mode()
def forward(model, batches):
    model.eval()
    started = time.perf_counter()
    for batch in batches:
        model.encode(batch)[1].cpu()
    return time.perf_counter() - started


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

    rates = {piece: dict(ours=[], pytorch=[]) for piece in ("training", "forward")}
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
                forward(model, batches)
                train(model, optimizer, clip_norm, batches)
            molecules = report["setting"]["molecules"]
            theirs = dict(
                training=molecules / train(model, optimizer, clip_norm, batches),
                forward=molecules / forward(model, batches),
            )
            for piece, rate in theirs.items():
                rates[piece]["pytorch"].append(rate)
                rates[piece]["ours"].append(report[piece]["median"])

    result = {"preset": arguments.preset}
    for piece, both in rates.items():
        ratios = [a / b for a, b in zip(both["ours"], both["pytorch"])]
        result[piece] = dict(
            ours=spread(both["ours"]), pytorch=spread(both["pytorch"]),
            ratio=statistics.median(both["ours"]) / statistics.median(both["pytorch"]),
            ratio_of_rounds=spread(ratios),
        )
    result["setting"] = dict(
        torch=torch.__version__, transformers=transformers.__version__,
        python=platform.python_version(), delicate=report["setting"]["version"],
        burn=report["setting"]["burn"], processor=report["setting"]["processor"],
        device=torch.cuda.get_device_name() if arguments.gpu else "CPU",
        backend=report["setting"]["backend"],
        threads=dict(ours=report["setting"]["threads"], pytorch=torch.get_num_threads()),
        molecules=molecules, training_batches=report["setting"]["training_batches"],
        rounds=arguments.rounds, unit="molecules/s",
    )
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
