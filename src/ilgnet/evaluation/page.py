"""An evaluation as one self-contained HTML page: figures, plots, categories, misses, failures."""

from __future__ import annotations

import base64
from html import escape
from importlib.resources import files
from io import BytesIO
from typing import Final

from PIL import Image

from ilgnet.errors import ImageError
from ilgnet.evaluation import messages, plots
from ilgnet.evaluation.evaluation import Evaluation
from ilgnet.evaluation.measures import Answers, Prediction
from ilgnet.images.decode import read_image
from ilgnet.metrics import Confusion
from ilgnet.report.plain_page import plain_style

THUMBNAIL: Final = 160
"""Longest side of an embedded picture in pixels."""

MOST_FAILURES: Final = 200
"""More failures than these are only counted; JSON has them all."""


def render_page(evaluation: Evaluation, *, thumbnails: bool = False) -> str:
    """The page.

    Args:
        evaluation: what was measured.
        thumbnails: embed small copies of the misses. Off unless asked for: a page that is passed
            on then shows nobody's pictures.
    """
    title = f"{evaluation.subject.name} on {evaluation.rated.name}"
    style = plain_style() + files("ilgnet.evaluation").joinpath("page.css").read_text(
        encoding="utf-8"
    )
    parts = [
        f"<h1>{escape(title)}</h1>",
        _conditions(evaluation),
        _figures(evaluation),
        _plots(evaluation),
        _confusions(evaluation.confusions),
        _categories(evaluation),
        _misses(evaluation, thumbnails),
        _failures(evaluation),
    ]
    body = "\n".join(filter(None, parts)).replace(" %", "\u00a0%")  # no line begins with it
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n"
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _conditions(evaluation: Evaluation) -> str:
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>"
        for name, text in messages.conditions(evaluation)
    )
    return f"<dl>{rows}</dl>"


def _figures(evaluation: Evaluation) -> str:
    rows = []
    for name, measure in messages.shown(evaluation.figures):
        value = messages.number(name, measure.value)
        if name == "accuracy" and evaluation.majority_rate is not None:
            majority = messages.number(name, evaluation.majority_rate)
            value += f"<small>majority rate {majority}</small>"
        rows.append(
            f"<tr><th>{messages.NAMES[name]}</th><td>{value}</td>"
            f"<td>{messages.interval(name, measure)}</td><td>{messages.MEANINGS[name]}</td></tr>"
        )
    return _table("Figures", ("", "Value", "95 % interval", "Meaning"), rows, "figures")


def _plots(evaluation: Evaluation) -> str:
    answers = evaluation.answers
    shown = [*_truth_plots(evaluation, answers), *_class_plots(evaluation, answers)]
    figures = "".join(
        f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"
        for svg, caption in shown
    )
    return f'<h2>Plots</h2><div class="plots">{figures}</div>' if figures else ""


def _truth_plots(evaluation: Evaluation, answers: Answers) -> list[tuple[str, str]]:
    table = evaluation.calibration_of_mean
    if answers.truth is None or table is None:
        return []
    return [
        (
            plots.score_against_truth(answers.truth, answers.score),
            "Score against mean vote. On the line, both agree.",
        ),
        (
            plots.calibration(table, plots.mean_axes(table)),
            "Calibration of the score: pictures in ten equal parts by score. "
            f"Mean gap {table.error:.3f} votes.",
        ),
    ]


def _class_plots(evaluation: Evaluation, answers: Answers) -> list[tuple[str, str]]:
    table = evaluation.calibration_of_high
    if answers.high is None or table is None:
        return []
    shown = [
        (
            plots.calibration(table, plots.probability_axes()),
            "Calibration of the probability of high. A larger dot is more pictures. "
            f"Mean gap {table.error:.3f}.",
        )
    ]
    if 0 < answers.high.sum() < answers.high.size:  # one class alone has no curve
        area = evaluation.figures["auc"].value
        curve = plots.roc_curve(answers.high, answers.score, area)
        shown.insert(0, (curve, f"ROC curve of high against low, area {area:.3f}. Line: chance."))
    return shown


def _confusions(tables: tuple[Confusion, ...]) -> str:
    rows = []
    for t in tables:
        band = "all pictures" if t.delta == 0 else f"without 5 ± {t.delta:g}"
        counts = (t.images, t.true_low, t.false_high, t.false_low, t.true_high)
        cells = "".join(f"<td>{count:,}</td>" for count in counts)
        shares = "".join(
            f"<td>{messages.number('accuracy', share)}</td>"
            for share in (t.accuracy, t.majority_rate)
        )
        rows.append(f"<tr><th>{band}</th>{cells}{shares}</tr>")
    head = (
        "",
        "Pictures",
        "Low, called low",
        "Low, called high",
        "High, called low",
        "High, called high",
        "Accuracy",
        "Majority rate",
    )
    return _table("Confusion", head, rows)


def _categories(evaluation: Evaluation) -> str:
    rows = []
    names = [
        n for n in ("accuracy", "balanced_accuracy", "srcc", "plcc") if n in evaluation.figures
    ]
    for row in evaluation.categories:
        majority = (
            "–" if row.majority_rate is None else messages.number("accuracy", row.majority_rate)
        )
        cells = "".join(
            f"<td>{messages.number(name, row.figures[name].value)}"
            f"<small>{messages.interval(name, row.figures[name])}</small></td>"
            for name in names
        )
        rows.append(
            f"<tr><th>{escape(row.name)}</th><td>{row.images:,}</td><td>{majority}</td>{cells}</tr>"
        )
    head = ("", "Pictures", "Majority rate", *(messages.NAMES[name] for name in names))
    return _table("Categories", head, rows)


def _misses(evaluation: Evaluation, thumbnails: bool) -> str:
    rows = []
    for prediction in evaluation.misses:
        image = prediction.image
        people = "high" if image.high else "low"
        if image.mean is not None:
            people = f"{image.mean:.2f}"
        picture = f"<td>{_thumbnail(prediction)}</td>" if thumbnails else ""
        rows.append(
            f"<tr>{picture}<th>{escape(image.id)}</th><td>{people}</td>"
            f"<td>{prediction.score:.2f}</td><td>{_probability(prediction)}</td></tr>"
        )
    head = ("Picture", "People", "Score", "Probability of high")
    if thumbnails:
        return _table("Best misses", ("", *head), rows, "pictures")
    return _table("Best misses", head, rows)


def _probability(prediction: Prediction) -> str:
    return "–" if prediction.p_high is None else f"{prediction.p_high:.3f}"


def _thumbnail(prediction: Prediction) -> str:
    try:
        rgb = read_image(prediction.image.path, min_side=THUMBNAIL).rgb
    except ImageError as error:  # it could be read a moment ago
        return escape(error.message)
    image = Image.fromarray(rgb)
    image.thumbnail((THUMBNAIL, THUMBNAIL))
    stream = BytesIO()
    image.save(stream, "JPEG", quality=80)
    data = base64.b64encode(stream.getvalue()).decode()
    size = f'width="{image.width}" height="{image.height}"'
    return f'<img src="data:image/jpeg;base64,{data}" {size} alt="{escape(prediction.image.id)}">'


def _failures(evaluation: Evaluation) -> str:
    shown = evaluation.failures[:MOST_FAILURES]
    rows = [
        f"<tr><th>{escape(f.path)}</th><td>{escape(f.code)}</td><td>{escape(f.message)}</td></tr>"
        for f in shown
    ]
    title = f"Could not be read: {len(evaluation.failures):,}"
    return _table(title, ("Picture", "Code", "Reason"), rows, "texts")


def _table(title: str, head: tuple[str, ...], rows: list[str], kind: str = "") -> str:
    if not rows:
        return ""
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    return (
        f'<h2>{escape(title)}</h2><div class="wide"><table class="{kind}"><thead><tr>{cells}</tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table></div>"
    )
