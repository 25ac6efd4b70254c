"""BERT-base in PyTorch on the GPU, for comparison with fusebert in one session (bench/webgpu-peers.ts runs it).

Weights are made up, float16; attention is PyTorch's own fused kernel; the forward pass is captured in a CUDA graph. Two
times, medians of 100: the graph alone by the device's clock, and from token ids on the host to logits on the host.
With --compile the forward pass goes through torch.compile first. Prints one JSON object a line.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F

HIDDEN, LAYERS, HEADS, INTERMEDIATE, VOCABULARY, POSITIONS = 768, 12, 12, 3072, 30522, 512


class Layer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = torch.nn.Linear(HIDDEN, 3 * HIDDEN)
        self.out = torch.nn.Linear(HIDDEN, HIDDEN)
        self.attention_norm = torch.nn.LayerNorm(HIDDEN, eps=1e-12)
        self.up = torch.nn.Linear(HIDDEN, INTERMEDIATE)
        self.down = torch.nn.Linear(INTERMEDIATE, HIDDEN)
        self.norm = torch.nn.LayerNorm(HIDDEN, eps=1e-12)

    def forward(self, x):
        batch, sequence, _ = x.shape
        qkv = self.qkv(x).view(batch, sequence, 3, HEADS, HIDDEN // HEADS).permute(2, 0, 3, 1, 4)
        context = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
        x = self.attention_norm(x + self.out(context.transpose(1, 2).reshape(batch, sequence, HIDDEN)))
        return self.norm(x + self.down(F.gelu(self.up(x))))


class Bert(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.words = torch.nn.Embedding(VOCABULARY, HIDDEN)
        self.positions = torch.nn.Embedding(POSITIONS, HIDDEN)
        self.types = torch.nn.Embedding(2, HIDDEN)
        self.norm = torch.nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = torch.nn.ModuleList(Layer() for _ in range(LAYERS))
        self.head = torch.nn.Linear(HIDDEN, 2)

    def forward(self, ids, types):
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(places) + self.types(types))
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def milliseconds(run, count=100):
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


@torch.inference_mode()
def measure(model, batch, sequence, compiled):
    host_ids = torch.randint(0, VOCABULARY, (batch, sequence)).pin_memory()
    host_types = torch.zeros_like(host_ids).pin_memory()
    ids, types = host_ids.cuda(), host_types.cuda()
    forward = torch.compile(model) if compiled else model
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            forward(ids, types)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logits = forward(ids, types)
    until = time.perf_counter() + 1
    while time.perf_counter() < until:
        graph.replay()
        torch.cuda.synchronize()
    device = []
    for _ in range(100):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        torch.cuda.synchronize()
        device.append(start.elapsed_time(end))

    def whole():
        ids.copy_(host_ids, non_blocking=True)
        types.copy_(host_types, non_blocking=True)
        graph.replay()
        return logits.float().cpu()

    result = {"batch": batch, "sequence": sequence, "compiled": compiled}
    result["deviceMs"] = statistics.median(device)
    result["hostMs"] = milliseconds(whole)
    print(json.dumps(result), flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("--compile", action="store_true")
parser.add_argument("works", nargs="+", help="1x384")
arguments = parser.parse_args()
torch.manual_seed(0)
bert = Bert().half().cuda().eval()
for work in arguments.works:
    batch, sequence = (int(size) for size in work.split("x"))
    measure(bert, batch, sequence, arguments.compile)
