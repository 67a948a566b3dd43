"""PyTorch on the CPU, eager, as its users run it. The environment that it needs is set by `runner.js`."""

import ctypes
import json
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F

THREADS = int(sys.argv[1]) if len(sys.argv) > 1 else 1
torch.set_num_threads(THREADS)

# As in `serve.js`.
MINIMUM_REPETITIONS = 3

# The same values as in `data.js`.
UNIT = 3**0.5
SEED = {"x": 1, "dy": 2, "weight": 3, "bias": 4, "labels": 5, "digest": 6, "parameter": 100}
EPS = 1e-5


def hashes(length, seed):
    h = np.arange(length, dtype=np.uint32) * np.uint32(0x9E3779B9) + np.uint32(seed * 0x85EBCA6B % 2**32)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x21F0AAAD)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x735A2D97)
    return h ^ (h >> np.uint32(15))


def uniform(shape, seed, bound):
    values = (hashes(int(np.prod(shape)), seed) / 2**31 - 1) * bound
    return torch.from_numpy(values.astype(np.float32)).reshape(tuple(shape))


def digest(tensor):
    values = tensor.detach().numpy().reshape(-1).astype(np.float64)
    direction = uniform([values.size], SEED["digest"], UNIT).numpy()
    return [float(values @ direction / values.size**0.5), float(np.sqrt(np.mean(values**2)))]


class Work:
    """`run` does the work once and returns its results."""

    def __init__(self, run):
        self.run = run

    def check(self):
        return [digest(tensor) for tensor in self.run()]


def norm_inputs(shape):
    channels = shape[1]
    x = uniform(shape, SEED["x"], UNIT)
    weight = uniform([channels], SEED["weight"], UNIT)
    bias = uniform([channels], SEED["bias"], UNIT)
    return x, weight, bias, torch.zeros(channels), torch.ones(channels)


def batch_norm_forward(params):
    x, weight, bias, mean, var = norm_inputs(params["shape"])

    def run():
        with torch.no_grad():
            return [F.batch_norm(x, mean, var, weight, bias, training=True, momentum=0.01, eps=EPS)]

    return Work(run)


def batch_norm_both(params):
    x, weight, bias, mean, var = norm_inputs(params["shape"])
    dy = uniform(params["shape"], SEED["dy"], UNIT)
    leaves = [x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()]

    def run():
        y = F.batch_norm(x, mean, var, weight, bias, training=True, momentum=0.01, eps=EPS)
        return [y, *torch.autograd.grad(y, leaves, dy)]

    return Work(run)


def row_norm_inputs(params):
    shape, name = params["shape"], params["norm"]
    parameter = [shape[1] if name == "group" else shape[-1]]
    weight = uniform(parameter, SEED["weight"], UNIT)
    bias = uniform(parameter, SEED["bias"], UNIT)
    x = uniform(shape, SEED["x"], UNIT)
    if name == "group":
        return lambda: F.group_norm(x, 8, weight, bias, EPS), [x, weight, bias]
    if name == "layer":
        return lambda: F.layer_norm(x, parameter, weight, bias, EPS), [x, weight, bias]
    # PyTorch 1.13 has no RMS norm: composed, as its users do.
    return lambda: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weight, [x, weight]


def row_norm_forward(params):
    apply, _ = row_norm_inputs(params)

    def run():
        with torch.no_grad():
            return [apply()]

    return Work(run)


def row_norm_both(params):
    apply, leaves = row_norm_inputs(params)
    dy = uniform(params["shape"], SEED["dy"], UNIT)
    for leaf in leaves:
        leaf.requires_grad_()

    def run():
        y = apply()
        return [y, *torch.autograd.grad(y, leaves, dy)]

    return Work(run)


def copy(params):
    x = uniform(params["shape"], SEED["x"], UNIT)
    y = torch.empty_like(x)
    return Work(lambda: [y.copy_(x)])


def gemm(params):
    m, n, k = params["m"], params["n"], params["k"]
    a, b = uniform([m, k], SEED["x"], UNIT), uniform([k, n], SEED["weight"], UNIT)
    return Work(lambda: [a @ b])


def conv_inputs(params):
    batch, inputs, outputs, size = (params[key] for key in ("batch", "inChannels", "outChannels", "size"))
    kernel, groups = params.get("kernel", 3), params.get("groups", 1)
    channels = inputs // groups
    x = uniform([batch, inputs, size, size], SEED["x"], UNIT)
    weight = uniform([outputs, channels, kernel, kernel], SEED["weight"], 1 / (kernel**2 * channels) ** 0.5)
    options = {"padding": (kernel - 1) // 2, "groups": groups}
    return x, weight, uniform([batch, outputs, size, size], SEED["dy"], UNIT), options


def conv_forward(params):
    x, weight, _, options = conv_inputs(params)

    def run():
        with torch.no_grad():
            return [F.conv2d(x, weight, **options)]

    return Work(run)


def conv_both(params):
    x, weight, dy, options = conv_inputs(params)
    leaves = [x.requires_grad_(), weight.requires_grad_()]

    def run():
        y = F.conv2d(x, weight, **options)
        return [y, *torch.autograd.grad(y, leaves, dy)]

    return Work(run)


def layer_inputs(layer, params):
    """A layer with the parameters that every peer draws, x and dy."""
    with torch.no_grad():
        for k, parameter in enumerate(layer.parameters()):
            parameter.copy_(uniform(parameter.shape, SEED["parameter"] + k, params["fanIn"] ** -0.5))
    shape = params["shape"]
    return uniform(shape, SEED["x"], UNIT), uniform(params.get("output", shape), SEED["dy"], UNIT)


def layer_both(layer, params, apply):
    x, dy = layer_inputs(layer, params)
    leaves = [x.requires_grad_(), *layer.parameters()]

    def run():
        y = apply(x)
        return [y, *torch.autograd.grad(y, leaves, dy)]

    return Work(run)


def signal(params):
    outputs, inputs, kernel = params["parameters"][0]
    conv = torch.nn.Conv1d(inputs, outputs, kernel, padding=(kernel - 1) // 2, bias=False)
    return torch.nn.Sequential(conv, torch.nn.BatchNorm1d(outputs, momentum=0.01))


def signal_forward(params):
    layer = signal(params)
    x, _ = layer_inputs(layer, params)

    def run():
        with torch.no_grad():
            return [layer(x)]

    return Work(run)


def signal_both(params):
    layer = signal(params)
    return layer_both(layer, params, layer)


def attention(params):
    layer = torch.nn.MultiheadAttention(params["shape"][2], params["heads"], batch_first=True)
    return layer_both(layer, params, lambda x: layer(x, x, x, need_weights=False)[0])


def lstm(params):
    features = params["shape"][2]
    layer = torch.nn.LSTM(features, features, batch_first=True)
    return layer_both(layer, params, lambda x: layer(x)[0])


def upsample(params):
    layer = torch.nn.Upsample(size=params["output"][2:], mode="bilinear")
    return layer_both(layer, params, layer)


class Residual(torch.nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        norm = lambda: torch.nn.BatchNorm2d(outputs, momentum=0.01)
        first = [torch.nn.Conv2d(inputs, outputs, 3, padding=1, stride=stride), norm(), torch.nn.ReLU()]
        self.body = torch.nn.Sequential(*first, torch.nn.Conv2d(outputs, outputs, 3, padding=1), norm())
        projection = [torch.nn.Conv2d(inputs, outputs, 1, stride=stride), norm()]
        self.shortcut = torch.nn.Identity() if inputs == outputs else torch.nn.Sequential(*projection)

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


class GlobalAvgPool(torch.nn.Module):
    def forward(self, x):
        return x.mean((2, 3))


LAYERS = {
    "conv": lambda inputs, outputs: torch.nn.Conv2d(inputs, outputs, 3, padding=1),
    "residual": Residual,
    "globalAvgPool": GlobalAvgPool,
    "linear": torch.nn.Linear,
    "relu": torch.nn.ReLU,
    "maxPool": lambda: torch.nn.MaxPool2d(2),
    "flatten": torch.nn.Flatten,
}


class TrainingStep:
    def __init__(self, params):
        rank = len(params["input"])
        norm = torch.nn.BatchNorm1d, torch.nn.BatchNorm2d
        layers = []
        for kind, *sizes in params["layers"]:
            if kind in ("flatten", "globalAvgPool"):
                rank = 2
            layers.append(norm[rank == 4](*sizes, momentum=0.01) if kind == "batchNorm" else LAYERS[kind](*sizes))
        self.model = torch.nn.Sequential(*layers)
        self.initialise()
        self.x = uniform(params["input"], SEED["x"], UNIT)
        labels = hashes(params["input"][0], SEED["labels"]) % np.uint32(params["classes"])
        self.labels = torch.from_numpy(labels.astype(np.int64))
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=params["lr"])

    def initialise(self):
        index = 0
        with torch.no_grad():
            for layer in self.model.modules():
                fan_in = layer.weight[0].numel() if hasattr(layer, "weight") and layer.weight.dim() > 1 else None
                for parameter in layer.parameters(recurse=False):
                    if fan_in:
                        parameter.copy_(uniform(parameter.shape, SEED["parameter"] + index, fan_in**-0.5))
                    index += 1

    def run(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(self.model(self.x), self.labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def check(self):
        losses = [self.run() for _ in range(3)]
        return [[loss, loss] for loss in losses]


KINDS = {
    "batchNormForward": batch_norm_forward,
    "batchNormBoth": batch_norm_both,
    "rowNormForward": row_norm_forward,
    "rowNormBoth": row_norm_both,
    "copy": copy,
    "gemm": gemm,
    "convForward": conv_forward,
    "convBoth": conv_both,
    "signalForward": signal_forward,
    "signalBoth": signal_both,
    "attention": attention,
    "lstm": lstm,
    "upsample": upsample,
    "trainingStep": TrainingStep,
}


def timed(run):
    start = time.perf_counter()
    run()
    return (time.perf_counter() - start) * 1000


def measure(run, budget):
    spent = 0
    while spent < budget / 2:
        spent += timed(run)
    times = []
    spent = 0
    while spent < budget or len(times) < MINIMUM_REPETITIONS:
        times.append(timed(run))
        spent += times[-1]
    times.sort()
    return {"ms": times[len(times) // 2], "min": times[0], "repetitions": len(times)}


def blas():
    """
    The kernels that OpenBLAS chose for this processor, or why a comparison is unfair: with the reference BLAS, PyTorch's
    matrix products are 25 times slower than they should be.
    """
    torch.ones(64, 64) @ torch.ones(64, 64)
    try:
        libraries = {line.split()[-1] for line in open("/proc/self/maps") if "blas" in line or "mkl" in line}
    except OSError:
        return {}
    for path in sorted(libraries):
        library = ctypes.CDLL(path)
        if not hasattr(library, "openblas_get_corename"):
            continue
        library.openblas_get_corename.restype = ctypes.c_char_p
        library.openblas_get_config.restype = ctypes.c_char_p
        version = " ".join(library.openblas_get_config().decode().split()[:2])
        return {"kernels": f"{version}, {library.openblas_get_corename().decode()}"}
    if any(name in path for path in libraries for name in ("libmkl", "libblis")):
        return {}
    return {"note": "no fast BLAS found: install libopenblas0-pthread for a fair comparison"}


def send(message):
    print(json.dumps(message), flush=True)


def main():
    send({"version": torch.__version__, "threads": THREADS, **blas()})
    current, work, check = None, None, None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            key = json.dumps([request["kind"], request["params"]])
            if key != current:
                current, work = None, None
                if request["kind"] not in KINDS:
                    raise NotImplementedError("–")
                work = KINDS[request["kind"]](request["params"])
                check = work.check()
                current = key
            send({**measure(work.run, request["budgetMs"]), "check": check})
        except Exception as error:  # an answer line for every request line
            send({"unsupported": str(error).split("\n")[0]})


main()
