from ilgnet.images.preprocess import Preprocess
from ilgnet.zoo.card import model_card
from ilgnet.zoo.lineage import TrainedOn
from ilgnet.zoo.measurements import Figure, Measurement
from ilgnet.zoo.records import Weights, find_weights

WEIGHTS = Weights(
    name="net.somewhere",
    architecture="net",
    output="votes",
    preprocess=Preprocess("warp", 64, 64),
    mean_error=0.625,
    licence="CC0-1.0",
    about="A network for tests.",
    trained_on=(
        TrainedOn("Some set", 12, "0123456789ab"),
        TrainedOn("Old weights", collection="ava", note="Nobody wrote it down"),
        TrainedOn.unknown("start.safetensors"),
    ),
    metrics={
        "Measured": Measurement(
            {
                "srcc": Figure(0.7, (0.6, 0.8)),
                "by_category": {"Cats": Figure(0.5, (0.1, 0.9))},
            },
            "On a sunny day",
            images=12,
        ),
    },
    notes={"Limits": ("Dogs are unknown to it.",)},
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
        "- Some set: 12 pictures, fingerprint 0123456789ab",
        "- Old weights: an unknown part of AVA. Nobody wrote it down",
        "- whatever start.safetensors was trained on: unknown",
        "| srcc | 0.7 | 0.6 to 0.8 |",
        "| by category: Cats | 0.5 | 0.1 to 0.9 |",
        "| images | 12 |  |",
        "On a sunny day.",
        "- Dogs are unknown to it.",
    ):
        assert part in card


def test_the_default_models_card_says_what_matters():
    weights = find_weights("default")
    card = model_card(weights)
    for word in ("OASIS", "NIMA", "AVA", weights.name, weights.recipe):
        assert word in card
