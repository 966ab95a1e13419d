#!/usr/bin/env python3
# Golden figures for picklock-stats. `make golden` makes them anew, with the versions that requirements.txt
# beside this file pins (Python 3.11 or later), and compares; any other version is refused, so that the
# figures change only on purpose.
#
#   make.py           writes golden.json beside this file
#   make.py --check   compares with it, exit 1 if it differs
"""Writes golden.json: statistics of small data sets as scipy and statsmodels compute them."""

import json
import math
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
from scipy import optimize, stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.sandwich_covariance import cov_cluster_2groups
from statsmodels.stats.weightstats import DescrStatsW

REQUIREMENTS = Path(__file__).with_name("requirements.txt").read_text().split()
PINNED = dict(requirement.split("==") for requirement in REQUIREMENTS)
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
    sets["huge-values"] = np.array([3e12, -1e12, 4e12, 2.5e12, 1e12])
    sets["mixed-sizes"] = np.array([1e-6, 1e6, 1.0, 1e3])
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
    families += [(10.0 ** -rng.uniform(0, 300 if i % 2 else 4, 1 + i)).tolist() for i in range(12)]
    families += [np.round(rng.uniform(0, 0.05, 8), 2).tolist() for _ in range(8)]
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


def missed(away, df, tail):
    """Probability that a test with this one-sided level misses a mean `away` standard errors above 0."""
    return float(stats.nct.cdf(stats.t.isf(tail, df), df, away))


def seeds_cases():
    """Seeds for 80% power by the noncentral t, searched one by one, for one contrast or two alike."""
    cases = []
    for ratio in (0.2, 0.5, 0.8, 1.0, 2.0, 5.0):
        for tail in (0.025, 0.05, 0.0125):
            for contrasts in (1, 2):
                n = 2
                while contrasts * missed(ratio * math.sqrt(n), n - 1, tail) > 0.2:
                    n += 1
                cases.append({"mean": 10 * ratio, "sd": 10.0, "tail": tail, "contrasts": contrasts, "seeds": n})
    return cases


def noncentral_cases():
    """The noncentral t around the critical value; power by statsmodels where it has it."""
    cases = []
    for df in (1, 2, 3, 7, 15, 49, 399):
        for tail in (0.05, 0.025, 0.0025):
            t = float(stats.t.isf(tail, df))
            for away in (0.0, 0.3, 1.0, 2.5, 4.0, 8.0):
                case = {"t": t, "df": df, "away": away, "below": missed(away, df, tail)}
                if away > 0:
                    size = away / math.sqrt(df + 1)
                    case["power"] = float(TTestPower().power(size, df + 1, tail, alternative="larger"))
                cases.append(case)
    return cases


def tables():
    """Differences of single problems as [seed, draw, problem]: binary, real, tied, flat, degenerate."""
    rng = np.random.default_rng(31)
    made = {}
    for seeds, draws, problems in ((2, 1, 2), (2, 2, 2), (3, 2, 5), (4, 4, 20), (5, 1, 8), (8, 3, 12), (3, 2, 40)):
        shape = (seeds, draws, problems)
        parts = (rng.normal(0, 10, (seeds, 1, 1)) + rng.normal(0, 12, (seeds, draws, 1))
                 + rng.normal(0, 30, (1, 1, problems)))
        name = "x".join(map(str, shape))
        made["real-" + name] = 20 + parts + rng.normal(0, 40, shape)
        made["binary-" + name] = 100.0 * np.sign(np.round((20 + parts + rng.normal(0, 50, shape)) / 100))
        made["seeds-only-" + name] = np.broadcast_to(rng.normal(5, 9, (seeds, 1, 1)), shape)
        made["problems-only-" + name] = np.broadcast_to(100.0 * rng.integers(-1, 2, problems), shape)
    made["huge"] = 1e9 * rng.normal(1, 1, (4, 2, 6))
    made["tiny"] = 1e-9 * rng.normal(1, 1, (4, 2, 6))
    made["all-equal"] = np.full((3, 2, 4), 12.5)
    made["all-zero"] = np.zeros((3, 2, 4))
    made["one-gain"] = np.zeros((4, 2, 10))
    made["one-gain"][1, 0, 3] = 100.0
    made["alternating"] = 100.0 * ((np.indices((4, 2, 10)).sum(axis=0) % 2) * 2 - 1)
    return {name: np.array(values, dtype=float) for name, values in made.items()}


def two_way_cases():
    """The mean of the cells, clustered both ways by statsmodels, with the guard and t figures on top."""
    cases = []
    for name, values in tables().items():
        cells = values.mean(axis=1)
        seeds, problems = cells.shape
        groups = [index.ravel() for index in np.indices(cells.shape)]
        fit = OLS(cells.ravel(), np.ones(cells.size)).fit()
        both, *one_way = (float(v[0, 0]) for v in cov_cluster_2groups(fit, groups[0], groups[1]))
        mean, df = float(cells.mean()), min(seeds, problems) - 1
        scale = float(np.abs(cells).max())
        se = math.sqrt(max(both, *one_way))
        if se <= 1e-12 * scale or scale == 0:
            se, p = 0.0, (1.0 if abs(mean) <= 1e-12 * scale else None)
        else:
            p = 2 * float(stats.t.sf(abs(mean) / se, df))
        reach = float(stats.t.isf(0.025, df)) * se
        cases.append({"name": name, "cells": cells.ravel().tolist(), "problems": problems, "mean": mean,
                      "size": scale, "se": se, "low": mean - reach, "high": mean + reach, "p": p})
    return cases


def components_cases():
    """Variance components by textbook sums over the indices, written out."""
    cases = []
    for name, v in tables().items():
        seeds, draws, problems = v.shape
        if not 1e-3 < np.abs(v).max() < 1e6 or name.startswith("alternating"):
            continue
        mean, by_seed = v.mean(), v.mean(axis=(1, 2), keepdims=True)
        by_draw, by_cell, by_problem = v.mean(axis=2, keepdims=True), v.mean(axis=1, keepdims=True), v.mean(axis=(0, 1))
        ms_seed = draws * problems * ((by_seed - mean) ** 2).sum() / (seeds - 1)
        ms_problem = seeds * draws * ((by_problem - mean) ** 2).sum() / (problems - 1)
        for shared in (False, True):
            own = 0 if shared else by_cell * 0
            part = by_problem - mean if shared else own
            cell_df = (seeds - shared) * (problems - 1)
            ms_cell = draws * ((by_cell - by_seed - part) ** 2).sum() / cell_df
            if draws > 1:
                ms_draw = problems * ((by_draw - by_seed) ** 2).sum() / (seeds * (draws - 1))
                rest = v - by_draw - by_cell + by_seed
                ms_rest = (rest ** 2).sum() / (seeds * (draws - 1) * (problems - 1))
            else:
                ms_draw = ms_rest = ms_cell
            squares = {"seed": (ms_seed - ms_draw - ms_cell + ms_rest) / (draws * problems),
                       "draw": (ms_draw - ms_rest) / problems,
                       "problem": (ms_problem - ms_cell) / (seeds * draws) if shared else (ms_cell - ms_rest) / draws,
                       "residual": ms_cell if shared else ms_rest}
            cases.append({"name": name, "values": v.ravel().tolist(), "draws": draws, "problems": problems,
                          "shared": shared, "squares": {part: float(square) for part, square in squares.items()}})
    return cases


def plan_cases():
    """Detectable sizes of the assumed components: the root of the probability to miss, by scipy."""
    kinds = [("greater", None, None, [(1, 1)], 2), ("less", None, None, [(1, 1)], 2),
             ("equivalent-points", 3.0, None, [(1, 1)] * 2, 1), ("non-inferior-points", 3.0, None, [(1, 1)], 1),
             ("equivalent-share", 0.25, None, [(0.25, math.hypot(1, 0.25))] * 2, 1),
             ("non-inferior-share", 0.5, None, [(0.5, math.hypot(1, 0.5))], 1),
             ("ratio", 0.25, 0.75, [(0.25, math.hypot(1, 0.25)), (0.25, math.hypot(1, 0.75))], 1),
             ("ratio", 0.5, None, [(0.5, math.hypot(1, 0.5))], 1)]
    cases = []
    for seeds, draws, problems in ((2, 1, 40), (3, 4, 100), (8, 4, 200), (16, 8, 30), (40, 2, 1000)):
        for shared in (False, True):
            error = math.sqrt(10**2 / seeds + 12**2 / (seeds * draws) + 50**2 / (seeds * draws * problems)
                              + 40**2 / (problems if shared else seeds * problems))
            df = (min(seeds, problems) if shared else seeds) - 1
            for kind, size, high, contrasts, tails in kinds:
                def short(points):
                    return sum(missed(m * points / (s * error), df, 0.05 / tails) for m, s in contrasts) - 0.2
                high_end = error  # not far beyond the root: scipy's nct gives NaN there
                while short(high_end) > 0:
                    high_end *= 2
                points = optimize.brentq(short, 0, high_end, xtol=1e-14, rtol=1e-14)
                cases.append({"seeds": seeds, "draws": draws, "problems": problems, "shared": shared, "kind": kind,
                              "size": size, "high": high, "error": error, "points": float(points)})
    return cases


def fieller_cases():
    """The ratios at which the t test of x - r y turns, as roots by numpy."""
    rng = np.random.default_rng(17)
    sets = []
    for n in (2, 3, 4, 8, 16, 50):
        for mean, sd in ((30, 4), (6, 8), (0, 9), (-25, 5)):
            y = rng.normal(mean, sd, n)
            sets += [(0.5 * y + rng.normal(0, 3, n), y), (rng.normal(15, 6, n), y), (rng.normal(0, 8, n), y)]
    sets += [(np.array([2e9, 3e9, 2.5e9]), np.array([4e9, 5e9, 6e9])), (np.array([2e-9, 3e-9, 2.5e-9]), np.array([4.0, 5.0, 6.0])),
             (np.array([5.0, 6.0, 5.5]), np.full(3, 10.0)), (np.full(3, 5.0), np.array([10.0, 11.0, 12.0])),
             (np.array([12.5, 12.5, 10.0, 12.5]), np.array([25.0, 25.0, 25.0, 22.5]))]
    cases = []
    for i, (x, y) in enumerate(sets):
        level = (0.95, 0.9)[i % 2]
        square = stats.t.isf((1 - level) / 2, len(x) - 1) ** 2
        v = np.cov(x, y) / len(x)
        a, b, c = (y.mean() ** 2 - square * v[1, 1], x.mean() * y.mean() - square * v[0, 1], x.mean() ** 2 - square * v[0, 0])
        roots = np.sort(np.roots([a, -2 * b, c]))
        case = {"x": x.tolist(), "y": y.tolist(), "level": level}
        if np.iscomplexobj(roots):
            cases.append(case | {"kind": "whole-line", "low": None, "high": None})
        else:
            cases.append(case | {"kind": "closed" if a > 0 else "outside", "low": float(roots[0]), "high": float(roots[1])})
    return cases


def sign_flip_cases():
    """Exact sign flips by scipy, two-sided and one-sided."""
    def mean(values, axis):
        return np.mean(values, axis=axis)

    cases = []
    for name, values in seeds().items():
        if len(values) > 16:
            continue
        ps = [float(stats.permutation_test((np.array(values),), mean, permutation_type="samples", n_resamples=np.inf,
                                           vectorized=True, alternative=side).pvalue) for side in ("two-sided", "greater")]
        cases.append({"name": name, "values": values, "two": ps[0], "one": ps[1]})
    return cases


def trend_cases():
    """Slopes by numpy, times the steps from end to end."""
    rng = np.random.default_rng(23)
    arms = [rng.normal(40, 15, n) for n in (2, 3, 4, 6, 11) for _ in range(5)]
    arms += [np.array([100.0, 75.0, 50.0, 25.0]), np.array([1e9, -1e9, 3e9]), np.array([1e-9, 3e-9, 2e-9]),
             np.array([0.0, 0.0, 40.0, 0.0, 7.0]), np.array([50.0, 52.5, 52.5, 50.0, 47.5])]
    return [{"arms": values.tolist(), "trend": float(np.polyfit(np.arange(len(values)), values, 1)[0] * (len(values) - 1))}
            for values in arms]


def table(part):
    """JSON with one case per line, so that a difference shows which case changed."""
    if isinstance(part, dict):
        return json.dumps(part)
    return "[\n" + ",\n".join(json.dumps(case, allow_nan=False) for case in part) + "\n]"


def main():
    """Makes or checks golden.json."""
    check_versions()
    golden = {"versions": PINNED, "t": t_cases(), "contrasts": contrast_cases(), "holm": holm_cases(),
              "wilson": wilson_cases(), "mcnemar": mcnemar_cases(), "seeds": seeds_cases(),
              "noncentral": noncentral_cases(), "two_way": two_way_cases(), "components": components_cases(),
              "plan": plan_cases(), "fieller": fieller_cases(), "sign_flip": sign_flip_cases(), "trend": trend_cases()}
    parts = [f'"{name}": {table(part)}' for name, part in golden.items()]
    text = "{" + ",\n".join(parts) + "}\n"
    if "--check" not in sys.argv[1:]:
        GOLDEN.write_text(text)
    elif GOLDEN.read_text() != text:
        sys.exit("golden.json differs from what make.py makes")


if __name__ == "__main__":
    main()
