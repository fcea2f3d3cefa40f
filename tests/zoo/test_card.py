from ilgnet.images.preprocess import Preprocess
from ilgnet.zoo.card import model_card
from ilgnet.zoo.records import Weights, find_weights

WEIGHTS = Weights(
    name="net.somewhere",
    architecture="net",
    output="votes",
    preprocess=Preprocess("warp", 64, 64),
    mean_error=0.625,
    licence="CC0-1.0",
    about="A network for tests.",
    trained_on=({"name": "Some set", "images": 12, "fingerprint": "abc"},),
    metrics={
        "Measured": {
            "srcc": {"value": 0.7, "interval": [0.6, 0.8]},
            "by_category": {"Cats": {"value": 0.5, "interval": [0.1, 0.9]}},
            "images": 12,
            "conditions": "On a sunny day",
        },
        "Limits": ["Dogs are unknown to it."],
        "History": "It is new.",
    },
    recipe="recipes/none.py",
)


def test_a_card_holds_everything_that_the_record_says():
    card = model_card(WEIGHTS)
    for part in (
        "# net.somewhere",
        "A network for tests.",
        "CC0-1.0",
        "0.62",
        "recipes/none.py",
        "- Some set: 12 pictures, fingerprint `abc`",
        "| srcc | 0.7 | 0.6 to 0.8 |",
        "| by category: Cats | 0.5 | 0.1 to 0.9 |",
        "| images | 12 |  |",
        "On a sunny day.",
        "- Dogs are unknown to it.",
        "It is new.",
    ):
        assert part in card


def test_the_default_models_card_says_what_matters():
    weights = find_weights("default")
    card = model_card(weights)
    for word in ("OASIS", "NIMA", "AVA", weights.name, weights.recipe):
        assert word in card
