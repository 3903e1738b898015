"""Writes tests/metrics/figures.generated.json: random cases, and what scikit-learn measures of them.

Needs Debian's python3-sklearn: /usr/bin/python3 scripts/metrics_figures.py
"""

import json
import pathlib

import numpy
import sklearn
from sklearn import metrics

random = numpy.random.default_rng(7)


def rounded(array):
    return numpy.asarray(array, dtype=numpy.float32).astype(float).round(4).tolist()


def averages(actual, predicted, kinds):
    scores = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}
    return {
        name: {kind: score(actual, predicted, average=kind, zero_division=0) for kind in kinds}
        for name, score in scores.items()
    }


def classification(examples, classes, absent=()):
    labels = random.choice([c for c in range(classes) if c not in absent], examples)
    logits = numpy.array(rounded(random.normal(size=(examples, classes)) + 0.8 * numpy.eye(classes)[labels]))
    logits[:, list(absent)] -= 20
    predicted = logits.argmax(1)
    case = {"logits": logits.tolist(), "labels": labels.tolist()}
    expected = {
        "accuracy": metrics.accuracy_score(labels, predicted),
        "confusion": metrics.confusion_matrix(labels, predicted, labels=range(classes)).tolist(),
        **averages(labels, predicted, ["micro", "macro", "weighted"]),
        "top2": metrics.top_k_accuracy_score(labels, logits, k=2, labels=range(classes)),
    }
    if not absent:
        shares = numpy.exp(logits) / numpy.exp(logits).sum(1, keepdims=True)
        expected["rocAuc"] = metrics.roc_auc_score(labels, shares, multi_class="ovr", average="macro")
    return {**case, "expected": expected}


def binary(examples, share, digits):
    labels = (random.random(examples) < share).astype(int)
    logits = (random.normal(size=examples) + labels - 0.5).astype(numpy.float32).astype(float).round(digits)
    predicted = (logits > 0).astype(int)
    return {
        "logits": logits.tolist(),
        "labels": labels.tolist(),
        "expected": {
            "accuracy": metrics.accuracy_score(labels, predicted),
            "confusion": metrics.confusion_matrix(labels, predicted, labels=[0, 1]).tolist(),
            **averages(labels, predicted, ["binary", "micro", "macro", "weighted"]),
            "rocAuc": metrics.roc_auc_score(labels, logits),
        },
    }


def regression(examples, outputs, mean):
    labels = numpy.array(rounded(random.normal(size=(examples, outputs)) + mean))
    predictions = numpy.array(rounded(labels + 0.5 * random.normal(size=labels.shape)))
    return {
        "predictions": predictions.tolist(),
        "labels": labels.tolist(),
        "expected": {
            "meanAbsoluteError": metrics.mean_absolute_error(labels, predictions),
            "meanSquaredError": metrics.mean_squared_error(labels, predictions),
            "rSquared": metrics.r2_score(labels, predictions),
        },
    }


figures = {
    "source": f"scikit-learn {sklearn.__version__}, scripts/metrics_figures.py",
    "classification": [classification(40, 3), classification(60, 7), classification(30, 5, absent=(3,))],
    # One digit makes ties, which the area under the curve must count half.
    "binary": [binary(50, 0.5, 4), binary(80, 0.1, 1)],
    "regression": [regression(40, 1, 0), regression(30, 3, 500)],
}
path = pathlib.Path(__file__).parent.parent / "tests" / "metrics" / "figures.generated.json"
path.write_text(json.dumps(figures) + "\n")
