#!/usr/bin/env python3
# Golden figures for picklock-stats. Made with
#   numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
# (Python 3.11 or later); any other version is refused, so that the figures change only on purpose.
#
#   python3 -m venv /tmp/golden-venv
#   /tmp/golden-venv/bin/pip install numpy==2.4.6 scipy==1.17.1 statsmodels==0.15.0
#   /tmp/golden-venv/bin/python host/stats/golden/make.py           # writes golden.json beside this file
#   /tmp/golden-venv/bin/python host/stats/golden/make.py --check   # compares with it, exit 1 if it differs
"""Writes golden.json: statistics of small data sets as scipy and statsmodels compute them."""

import json
import math
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

PINNED = {"numpy": "2.4.6", "scipy": "1.17.1", "statsmodels": "0.15.0"}
GOLDEN = Path(__file__).with_name("golden.json")


def check_versions():
    """Refuses to make figures with other versions."""
    for package, pinned in PINNED.items():
        if version(package) != pinned:
            sys.exit(f"{package}: expected {pinned}, found {version(package)}")


def seeds():
    """Named per-seed effects in percentage points: random, tied, tiny, huge and degenerate."""
    rng = np.random.default_rng(20240529)
    sets = {}
    for n in (2, 3, 4, 5, 8, 16, 50, 400):
        for name, mean, sd in (("effect", 25, 12), ("nothing", 0, 12), ("loss", -9, 5)):
            sets[f"{name}-{n}"] = rng.normal(mean, sd, n)
    for n in (4, 8, 16):  # 40 problems x 4 draws: steps of 0.625 points, so ties abound
        sets[f"ties-{n}"] = np.round(rng.normal(5, 2, n) / 0.625) * 0.625
    sets["two-values"] = np.array([10.0, 10.0, 10.0, 12.5])
    sets["one-odd-seed"] = np.array([0.0, 0.0, 0.0, 40.0])
    sets["balanced"] = np.array([-7.5, 7.5, -2.5, 2.5])
    sets["nearly-equal"] = np.array([30.0, 30.0, 30.001, 29.999])
    sets["tiny-t"] = np.array([1.0, -1.0, 1.0, -1.0 + 1e-6])
    sets["tiny-values"] = np.array([3e-8, -1e-8, 4e-8, 2e-8])
    sets["far-from-zero"] = np.array([99.0, 98.5, 99.5, 100.0, 99.25])
    sets["all-zero"] = np.zeros(4)
    sets["all-equal"] = np.full(4, 12.5)
    sets["all-equal-negative"] = np.full(3, -2.5)
    return {name: values.tolist() for name, values in sets.items()}


def t_case(name, values, level):
    """Mean over seeds; scipy's figures, and the agreed ones where there is no variance."""
    mean, n = float(np.mean(values)), len(values)
    case = {"name": name, "values": values, "level": level, "mean": mean}
    if np.ptp(values) == 0:
        p = 1.0 if mean == 0 else None
        return case | {"sd": 0.0, "se": 0.0, "low": mean, "high": mean, "p": p, "above": p, "below": p}
    two = stats.ttest_1samp(values, 0)
    low, high = two.confidence_interval(level)
    return case | {
        "sd": float(np.std(values, ddof=1)),
        "se": float(stats.sem(values)),
        "low": float(low),
        "high": float(high),
        "p": float(two.pvalue),
        "above": float(stats.ttest_1samp(values, 0, alternative="greater").pvalue),
        "below": float(stats.ttest_1samp(values, 0, alternative="less").pvalue),
    }


def t_cases():
    """Every data set at one level each, the levels taking turns."""
    levels = (0.95, 0.9, 0.99, 0.5, 0.999)
    named = seeds().items()
    return [t_case(name, values, levels[i % len(levels)]) for i, (name, values) in enumerate(named)]


def above(values):
    """One-sided p of a contrast by statsmodels."""
    return float(DescrStatsW(np.asarray(values)).ttest_mean(0, alternative="larger")[1])


def contrast_cases():
    """Equivalence, non-inferiority and ratios, margins in points and as shares of core's effect."""
    rng = np.random.default_rng(7)
    cases = []
    for i in range(24):
        n, alpha = (2, 3, 4, 8, 16, 24)[i % 6], (0.05, 0.025, 0.1)[i % 3]
        core = rng.normal(30, 4 if n > 3 else 0.5, n)
        x = rng.normal((0, 6, 15, -20)[i // 6], 6, n)
        share, points = (0.25, 0.5)[i % 2], (3.0, 8.0)[i % 2]
        low, high = DescrStatsW(x).tconfint_mean(2 * alpha)
        common = {"n": n, "alpha": alpha, "x": x.tolist(), "core": core.tolist(), "ci_low": float(low),
                  "ci_high": float(high), "mean": float(np.mean(x))}
        cases += [
            common | {"kind": "equivalent-points", "size": points,
                      "p": float(DescrStatsW(x).ttost_mean(-points, points)[0])},
            common | {"kind": "equivalent-share", "size": share,
                      "p": max(above(x + share * core), above(share * core - x))},
            common | {"kind": "non-inferior-points", "size": points, "p": above(x + points)},
            common | {"kind": "non-inferior-share", "size": share, "p": above(x + share * core)},
            common | {"kind": "ratio", "size": share, "high": 0.75,
                      "p": max(above(x - share * core), above(0.75 * core - x))},
        ]
    return cases


def holm_cases():
    """Families with ties, zeros, ones and a single member."""
    rng = np.random.default_rng(11)
    families = [[0.04], [0.01, 0.04, 0.03], [0.02, 0.02, 0.02], [1.0, 1.0], [0.0, 0.5, 1.0],
                [0.001, 0.2, 0.013, 0.025, 0.9], [0.05, 0.025, 0.05 / 3]]
    families += [rng.uniform(0, 0.1, size).tolist() for size in (2, 3, 7, 12, 40)]
    return [{"ps": ps, "adjusted": multipletests(ps, 0.05, "holm")[1].tolist()} for ps in families]


def wilson_cases():
    """Accuracies of few and many problems, none and all correct."""
    counts = [(0, 1), (1, 1), (0, 20), (20, 20), (1, 20), (7, 40), (20, 40), (39, 40), (33, 100),
              (500, 500), (123, 500), (9999, 10000), (1, 100000)]
    cases = []
    for correct, problems in counts:
        for level in (0.9, 0.95, 0.99):
            low, high = proportion_confint(correct, problems, 1 - level, "wilson")
            cases.append({"correct": correct, "problems": problems, "level": level,
                          "low": 100 * float(low), "high": 100 * float(high)})
    return cases


def mcnemar_cases():
    """Exact p, and Clopper-Pearson for the share gained, in points (none without disagreement)."""
    counts = [(0, 0, 40), (1, 0, 40), (0, 1, 1), (5, 0, 50), (0, 8, 40), (6, 0, 40), (3, 3, 10),
              (4, 3, 10), (9, 2, 30), (2, 9, 30), (25, 11, 200), (60, 30, 100), (300, 220, 2000),
              (1, 200, 500), (2600, 2400, 8000), (0, 1000, 1000)]
    cases = []
    for gained, lost, problems in counts:
        for level in (0.95, 0.9):
            m = gained + lost
            p = float(mcnemar([[0, gained], [lost, problems - m]], exact=True).pvalue) if m else 1.0
            case = {"gained": gained, "lost": lost, "problems": problems, "level": level, "p": p,
                    "estimate": 100 * (gained - lost) / problems, "low": None, "high": None}
            if m:
                ends = proportion_confint(gained, m, 1 - level, "beta")
                case["low"], case["high"] = (100 * (2 * float(e) - 1) * m / problems for e in ends)
            cases.append(case)
    return cases


def seeds_cases():
    """Seeds for 80% power by the t iteration, searched one by one."""
    cases = []
    for ratio in (0.2, 0.5, 0.8, 1.0, 2.0, 5.0):
        for tail in (0.025, 0.05, 0.0125):
            n = 2
            while stats.t.sf(ratio * math.sqrt(n) - stats.t.isf(tail, n - 1), n - 1) > 0.2:
                n += 1
            cases.append({"mean": 10 * ratio, "sd": 10.0, "tail": tail, "seeds": n})
    return cases


def table(part):
    """JSON with one case per line, so that a difference shows which case changed."""
    if isinstance(part, dict):
        return json.dumps(part)
    return "[\n" + ",\n".join(json.dumps(case, allow_nan=False) for case in part) + "\n]"


def main():
    """Makes or checks golden.json."""
    check_versions()
    golden = {"versions": PINNED, "t": t_cases(), "contrasts": contrast_cases(), "holm": holm_cases(),
              "wilson": wilson_cases(), "mcnemar": mcnemar_cases(), "seeds": seeds_cases()}
    parts = [f'"{name}": {table(part)}' for name, part in golden.items()]
    text = "{" + ",\n".join(parts) + "}\n"
    if "--check" not in sys.argv[1:]:
        GOLDEN.write_text(text)
    elif GOLDEN.read_text() != text:
        sys.exit("golden.json differs from what make.py makes")


if __name__ == "__main__":
    main()
