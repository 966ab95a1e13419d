"""A plain Llama in PyTorch; its training step and its greedy decoding, each as one CUDA graph.

What a careful researcher writes in an afternoon: no fused norm, rotary or gating, and a cache that
attention reads to its full length. Parameter names are transformers', so that either model loads
the other's weights.
"""

import gc

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


class Norm(nn.Module):
    """RMS norm, worked in float32."""

    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        wide = x.float()
        scale = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * (wide * scale).to(x.dtype)


def rotated(x, cosine, sine):
    """Turns each head's halves by its position's angles; x: [rows, heads, tokens, head_dim]."""
    first, second = x.chunk(2, -1)
    return x * cosine + torch.cat((-second, first), -1) * sine


class Attention(nn.Module):
    """Grouped-query attention: over the text itself, or for one token a row over the cache."""

    def __init__(self, config):
        super().__init__()
        width, self.head_dim = config.hidden_size, config.head_dim
        inner = config.num_attention_heads * self.head_dim
        narrow = config.num_key_value_heads * self.head_dim
        self.q_proj = nn.Linear(width, inner, bias=False)
        self.k_proj = nn.Linear(width, narrow, bias=False)
        self.v_proj = nn.Linear(width, narrow, bias=False)
        self.o_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x, angles, cache=None, positions=None, mask=None):
        q, k, v = (
            # [rows, heads, tokens, head_dim]
            project(x).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = rotated(q, *angles), rotated(k, *angles)
        if cache is not None:
            keys, values = cache
            keys.index_copy_(2, positions, k)
            values.index_copy_(2, positions, v)
        if mask is None:
            out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        else:  # the query heads of a group stand where a text's tokens would: no key is copied
            grouped = q.view(q.shape[0], k.shape[1], -1, self.head_dim)
            mask = mask.expand(*grouped.shape[:3], -1)
            out = F.scaled_dot_product_attention(grouped, keys, values, attn_mask=mask)
            out = out.reshape(q.shape)
        return self.o_proj(out.transpose(1, 2).flatten(2))


class Gated(nn.Module):
    """The gated feed-forward layer."""

    def __init__(self, config):
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    """Attention, then the gated layer, each after a norm and added to its input."""

    def __init__(self, config):
        super().__init__()
        self.input_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.self_attn = Attention(config)
        self.post_attention_layernorm = Norm(config.hidden_size, config.rms_norm_eps)
        self.mlp = Gated(config)

    def forward(self, x, *place):
        x = x + self.self_attn(self.input_layernorm(x), *place)
        return x + self.mlp(self.post_attention_layernorm(x))


class PlainLlama(nn.Module):
    """The whole model; `config` is a transformers LlamaConfig without rotary scaling."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(config.vocab_size, config.hidden_size),
                "layers": layers,
                "norm": Norm(config.hidden_size, config.rms_norm_eps),
            }
        )
        nn.init.normal_(self.model["embed_tokens"].weight, std=config.initializer_range)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model["embed_tokens"].weight

    def angles(self, positions, dtype):
        """Cosines and sines of the positions: [tokens, head_dim] each."""
        dim, theta = self.config.head_dim, self.config.rope_parameters["rope_theta"]
        even = torch.arange(0, dim, 2, device=positions.device, dtype=torch.float32)
        turns = positions.float()[:, None] * theta ** (-even / dim)
        turns = torch.cat((turns, turns), -1)
        return turns.cos().to(dtype), turns.sin().to(dtype)

    def forward(self, ids, cache=None, positions=None, mask=None):
        """Logits of ids [rows, tokens]; with a cache only of the last token."""
        if positions is None:
            positions = torch.arange(ids.shape[1], device=ids.device)
        x = self.model["embed_tokens"](ids)
        angles = self.angles(positions, x.dtype)
        layers = self.model["layers"]
        for layer, memory in zip(layers, cache or [None] * len(layers)):
            x = layer(x, angles, memory, positions, mask)
        if cache is not None:
            x = x[:, -1:]
        return self.lm_head(self.model["norm"](x))


def training_work(model, optimizer, ids):
    """A function that makes one training step on all tokens of ids [rows, tokens]."""

    def work():
        logits = model(ids)[:, :-1].float()
        F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return work


class Decoding:
    """Greedy decoding into a cache of fixed length; `work` makes one token for each row."""

    def __init__(self, model, rows, length):
        config, weight = model.config, model.lm_head.weight
        shape = (rows, config.num_key_value_heads, length, config.head_dim)
        self.model = model
        self.cache = [
            (weight.new_zeros(shape), weight.new_zeros(shape)) for _ in model.model["layers"]
        ]
        self.token = torch.zeros(rows, 1, dtype=torch.long, device=weight.device)
        self.position = torch.zeros(1, dtype=torch.long, device=weight.device)
        self.places = torch.arange(length, device=weight.device)
        self.nothing = weight.new_zeros(length)

    @torch.no_grad()
    def prefill(self, prompts):
        """Reads the prompts, all of one length, and makes the first new token."""
        self.token.copy_(self.model(prompts, self.cache).argmax(-1))
        self.position.fill_(prompts.shape[1])

    @torch.no_grad()
    def work(self):
        mask = self.nothing.masked_fill(self.places > self.position, float("-inf"))
        logits = self.model(self.token, self.cache, self.position, mask)
        self.token.copy_(logits.argmax(-1))
        self.position += 1


# cuDNN's attention can't be relied on in a graph.
ATTENTION = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def captured(work):
    """Does the work thrice on a stream of its own, then records it; returns its replay."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside), sdpa_kernel(ATTENTION):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(aside)
    gc.collect()
    torch.cuda.empty_cache()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph), sdpa_kernel(ATTENTION):
        work()
    return graph.replay
