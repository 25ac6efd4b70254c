"""BERT in PyTorch on the GPU, for comparison with fusebert in one session (bench/webgpu/torch.ts runs it).

Takes one argument, a JSON object: `task` is latency, throughput or matmul; `config` the model's sizes; `warmUpMs`; `runs`,
the number of runs for one sequence and for a batch; and the task's parameters. Prints one JSON object per line, and finally
"done".

Weights are random, float16; attention is PyTorch's fused kernel. "CUDA graph" replays the captured forward pass;
"torch.compile" compiles the embeddings, one layer for all and the head before the capture (as a whole, the model takes twelve
times as long to compile, into the same kernels).

Must stay true: a measurement that fails prints a line with the reason, and the others continue.
"""

import json
import statistics
import sys
import time

import torch
import torch.nn.functional as F


class Layer(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden, intermediate = config["hiddenSize"], config["intermediateSize"]
        self.heads = config["heads"]
        self.qkv = torch.nn.Linear(hidden, 3 * hidden)
        self.out = torch.nn.Linear(hidden, hidden)
        self.attention_norm = torch.nn.LayerNorm(hidden, eps=1e-12)
        self.up = torch.nn.Linear(hidden, intermediate)
        self.down = torch.nn.Linear(intermediate, hidden)
        self.norm = torch.nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x, mask):
        batch, sequence, hidden = x.shape
        qkv = self.qkv(x).view(batch, sequence, 3, self.heads, hidden // self.heads).permute(2, 0, 3, 1, 4)
        context = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2], attn_mask=mask)
        x = self.attention_norm(x + self.out(context.transpose(1, 2).reshape(batch, sequence, hidden)))
        return self.norm(x + self.down(F.gelu(self.up(x))))


class Embeddings(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        hidden = config["hiddenSize"]
        self.words = torch.nn.Embedding(config["vocabSize"], hidden)
        self.positions = torch.nn.Embedding(config["maxPositions"], hidden)
        self.types = torch.nn.Embedding(config["tokenTypes"], hidden)
        self.norm = torch.nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, ids, types):
        places = torch.arange(ids.shape[1], device=ids.device)
        return self.norm(self.words(ids) + self.positions(places) + self.types(types))


class Head(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.dense = torch.nn.Linear(config["hiddenSize"], 2)

    def forward(self, x):
        return self.dense(x).float()


class Bert(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embeddings = Embeddings(config)
        self.layers = torch.nn.ModuleList(Layer(config) for _ in range(config["layers"]))
        self.head = Head(config)

    def forward(self, ids, types, mask=None):
        """`mask` is true at real keys, [batch, 1, 1, sequence]; None: all are real."""
        x = self.embeddings(ids, types)
        for layer in self.layers:
            x = layer(x, mask)
        return self.head(x)


def make_bert(config):
    torch.manual_seed(0)
    bert = Bert(config).cuda().half().eval().requires_grad_(False)
    for parameter in bert.parameters():
        if parameter.dim() > 1:
            parameter.uniform_(-0.035, 0.035)
    return bert


def make_compiled(config, dynamic):
    """A separate model, so that the other measurements stay uncompiled."""
    bert = make_bert(config)
    for part in [bert.embeddings, *bert.layers, bert.head]:
        part.compile(dynamic=dynamic)
    return bert


class Batch:
    """Inputs on the host and on the device, and logits on the host, all allocated once."""

    def __init__(self, config, lengths, padded_to, masked):
        shape = (len(lengths), padded_to)
        self.tokens = shape[0] * shape[1]
        self.host = [torch.randint(0, config["vocabSize"], shape).pin_memory(), torch.zeros(shape, dtype=torch.long).pin_memory()]
        if masked:
            counts = torch.arange(padded_to)[None, :] < torch.tensor(lengths)[:, None]
            self.host.append(counts[:, None, None, :].contiguous().pin_memory())
        self.device = [tensor.cuda() for tensor in self.host]
        self.logits = torch.empty((*shape, 2), dtype=torch.float32).pin_memory()
        self.replay = None

    def capture(self, forward):
        """Records the forward pass on these inputs into a CUDA graph."""
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                forward(*self.device)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = forward(*self.device)

        def replay():
            graph.replay()
            return output

        self.replay = replay

    def run_eagerly(self, forward):
        self.replay = lambda: forward(*self.device)

    def compute(self):
        """From host to host, without waiting for the result."""
        for target, source in zip(self.device, self.host):
            target.copy_(source, non_blocking=True)
        self.logits.copy_(self.replay(), non_blocking=True)


def summary(times):
    return {"median": statistics.median(times), "fastest": min(times)}


def warm_up(run, milliseconds):
    until = time.perf_counter() + milliseconds / 1000
    while time.perf_counter() < until:
        run()
        torch.cuda.synchronize()


def host_time(run, warm_up_ms, count):
    """Milliseconds by the host's clock until the device has finished."""
    warm_up(run, warm_up_ms)
    times = []
    for _ in range(count):
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - start) * 1000)
    return summary(times)


def device_time(run, warm_up_ms, count):
    """Milliseconds by the device's clock."""
    warm_up(run, warm_up_ms)
    times = []
    for _ in range(count):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        run()
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end))
    return summary(times)


def attempt(row, measure):
    """Prints the row with its measurement, or with the error."""
    try:
        row = {**row, **measure()}
    except Exception as error:  # Any error, so that the other measurements continue.
        row = {**row, "error": f"{type(error).__name__}: {error}".split("\n")[0][:200]}
    print(json.dumps(row), flush=True)


def latency(request):
    bert = make_bert(request["config"])

    def measure(forward, batch, sequence):
        inputs = Batch(request["config"], [sequence] * batch, sequence, masked=False)
        inputs.capture(forward)
        count = request["runs"]["single" if batch == 1 else "batch"]
        host = host_time(inputs.compute, request["warmUpMs"], count)
        return {"host": host, "device": device_time(inputs.replay, request["warmUpMs"] / 5, count)}

    for batch, sequence in request["works"]:
        row = {"name": f"PyTorch {torch.__version__} f16, CUDA graph", "batch": batch, "sequence": sequence}
        attempt(row, lambda: measure(bert, batch, sequence))
    for batch, sequence in request["compiled"]:
        row = {"name": "PyTorch f16, torch.compile, CUDA graph", "batch": batch, "sequence": sequence}
        attempt(row, lambda: measure(make_compiled(request["config"], dynamic=False), batch, sequence))


def throughput(request):
    bert = make_bert(request["config"])

    def measure(prepare):
        # Multiples of eight, for which masked attention is fastest.
        padded = [8 * -(-max(lengths) // 8) for lengths in request["batches"]]
        batches = [
            Batch(request["config"], lengths, longest, masked=True)
            for lengths, longest in zip(request["batches"], padded)
        ]
        for batch in batches:
            prepare(batch)

        def run_all():
            for batch in batches:
                batch.compute()

        took = host_time(run_all, request["warmUpMs"], request["runs"]["batch"])
        return {"time": took, "tokens": sum(batch.tokens for batch in batches)}

    def capture_compiled():
        # One compilation for all sizes.
        compiled = make_compiled(request["config"], dynamic=True)
        return lambda batch: batch.capture(compiled)

    modes = {
        "eager": lambda: (lambda batch: batch.run_eagerly(bert)),
        "CUDA graph": lambda: (lambda batch: batch.capture(bert)),
        "torch.compile, CUDA graph": capture_compiled,
    }
    for name, prepare in modes.items():
        attempt({"name": f"PyTorch f16, padded, {name}"}, lambda: measure(prepare()))


def matmul(request):
    repetitions = 100

    def measure(m, n, k):
        left = torch.empty((m, k), dtype=torch.float16, device="cuda").uniform_(-0.035, 0.035)
        weight = torch.empty((n, k), dtype=torch.float16, device="cuda").uniform_(-0.035, 0.035)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                F.linear(left, weight)
        torch.cuda.current_stream().wait_stream(side)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(repetitions):
                F.linear(left, weight)
        took = device_time(graph.replay, request["warmUpMs"] / 5, request["runs"]["batch"])
        return {"us": 1000 * took["median"] / repetitions}

    for size in request["sizes"]:
        row = {"name": "PyTorch", **size}
        attempt(row, lambda: measure(size["m"], size["n"], size["k"]))


if __name__ == "__main__":
    request = json.loads(sys.argv[1])
    tasks = {"latency": latency, "throughput": throughput, "matmul": matmul}
    with torch.no_grad():
        tasks[request["task"]](request)
    print("done", flush=True)
