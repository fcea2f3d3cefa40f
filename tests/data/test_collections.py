"""Every named collection is read from miniatures of its authors' own files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from ilgnet.data.collections import (
    COLLECTIONS,
    find_collection,
    find_file,
    read_part,
    read_persons,
)
from ilgnet.data.rated import PersonalRating
from ilgnet.errors import DataError


def write(root: Path, files: dict[str, str]) -> Path:
    """Files below a folder; a picture's content does not matter here."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def ava(root: Path) -> Path:
    return write(root, {"AVA.txt": "1 69 0 0 0 0 4 4 0 0 0 0 1 2 3\n", "images/69.jpg": ""})


def aadb(root: Path) -> Path:
    lists = "imgListFiles_label/imgList{}Regression_score.txt"
    return write(
        root,
        {
            lists.format("Train"): "farm1_254_1.jpg 0.5\n",
            lists.format("Validation"): "farm1_255_2.jpg 0.75\n",
            lists.format("TestNew"): "farm1_256_3.jpg 1.0\nfarm1_257_4.jpg 0.0\n",
            "datasetImages_originalSize/farm1_254_1.jpg": "",
            "AADB_newtest_originalSize/farm1_256_3.jpg": "",
        },
    )


def eva(root: Path) -> Path:
    head = '"image_id"="user_id"="score"="difficulty"="visual"\n'
    rows = '"71"="5"="4"="2"="3"\n"71"="9"="6"="2"="3"\n"106"="5"="10"="2"="3"\n'
    return write(root, {"data/votes_filtered.csv": head + rows, "images/EVA_together/71.jpg": ""})


def para(root: Path) -> Path:
    scores = [f"aestheticScore_{1 + k / 2:.1f}" for k in range(9)]
    columns = ["imageName", "sessionId", "semantic", *scores, "aestheticScore_mean"]
    row = ["iaa_pub2_.jpg", "session1", "portrait", *"000020002", "4.0"]
    other = ["iaa_pub9_.jpg", "session7", "animal", *"100000000", "1.0"]
    people = "sessionId,imageName,userId,aestheticScore,qualityScore\n"
    return write(
        root,
        {
            "annotation/PARA-GiaaTest.csv": f"{','.join(columns)}\n{','.join(row)}\n",
            "annotation/PARA-GiaaTrain.csv": f"{','.join(columns)}\n{','.join(other)}\n",
            "annotation/PARA-Images.csv": people
            + "session1,iaa_pub2_.jpg,A1,4.5,3\nsession1,iaa_pub2_.jpg,B2,3.5,3\n",
            "imgs/session1/iaa_pub2_.jpg": "",
        },
    )


def tad66k(root: Path) -> Path:
    return write(
        root,
        {
            "labels/merge/train.csv": "image,score\n43751877@N085618633908.jpg,2.21\n",
            "labels/merge/test.csv": "image,score\nhs_yin152947873.jpg,5\n",
            "labels/unmerge/test/art.csv": "image,score\nhs_yin152947873.jpg,1.9\n",
            "TAD66K/hs_yin152947873.jpg": "",
        },
    )


def koniq10k(root: Path) -> Path:
    head = "image_name,c1,c2,c3,c4,c5,c_total,MOS,SD,set\n"
    rows = (
        "10004473376.jpg,0.0,0.0,0.25,0.75,0.0,105,77.4,0.53,training\n"
        "10007357496.jpg,0.0,0.0,0.5,0.5,0.0,96,68.7,0.58,test\n"
        "1001.jpg,1.0,0.0,0.0,0.0,0.0,96,1.0,0.58,validation\n"
    )
    return write(
        root,
        {
            "koniq10k_distributions_sets.csv": head + rows,
            "1024x768/10007357496.jpg": "",
            "512x384/10007357496.jpg": "",
        },
    )


def spaq(root: Path) -> Path:
    write(root, {"TestImage/00001.jpg": ""})
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (("Image name", "MOS", "Brightness"), ("00001.jpg", 25, 50.5)):
        book.active.append(row)
    (root / "Annotations").mkdir()
    book.save(root / "Annotations/MOS and Image attribute scores.xlsx")
    return root


def flickr_aes(root: Path) -> Path:
    return write(
        root,
        {
            "FLICKR-AES_image_score.txt": " farm1_262_2.jpg 0.25\n farm1_263_3.jpg 1\n",
            "FLICKR-AES_image_labeled_by_each_worker.csv": " worker, imagePair, score\n"
            "A2UT, farm1_262_2.jpg, 5\nA3XY, farm1_262_2.jpg, 3\n",
            "40K/farm1_262_2.jpg": "",
        },
    )


def cadb(root: Path) -> Path:
    rated = {
        "10003.jpg": {"scores": [2, 3, 2, 2, 2], "dist": [0, 0.8, 0.2, 0, 0], "mean": 2.2},
        "965.jpg": {"scores": [5] * 5, "dist": [0, 0, 0, 0, 1.0], "mean": 5.0},
    }
    return write(
        root,
        {
            "CADB_Dataset/composition_scores.json": json.dumps(rated),
            "CADB_Dataset/split.json": json.dumps({"train": ["965.jpg"], "test": ["10003.jpg"]}),
            "CADB_Dataset/images/10003.jpg": "",
        },
    )


def oasis(root: Path) -> Path:
    head = "\ufeffitem,beauty_mean,Theme,Category,Valence_mean,beauty_SD,N,subset,,\n"
    return write(
        root,
        {
            "means_per_image.csv": head + "1,4,Acorns1,Object,4.69,1.48,140,subset2,,\n",
            "Images/Acorns 1.jpg": "",
        },
    )


def agiqa(root: Path) -> Path:
    head = "name,prompt,adj1,adj2,style,mos_quality,std_quality,mos_align,std_align\n"
    row = 'sd_001.jpg,"a tray, of sushi",,,anime,2.5,0.6,0.4,0.6\n'
    return write(root, {"data.csv": head + row, "images/sd_001.jpg": ""})


Miniature = Callable[[Path], Path]

MINIATURES: dict[str, tuple[Miniature, str, float]] = {
    "ava": (ava, "69.jpg", 5.5),
    "aadb": (aadb, "farm1_256_3.jpg", 10.0),
    "eva": (eva, "71.jpg", 5.5),
    "para": (para, "session1/iaa_pub2_.jpg", 1 + 9 * (4.0 - 1) / 4),
    "tad66k": (tad66k, "hs_yin152947873.jpg", 5.5),
    "koniq10k": (koniq10k, "10007357496.jpg", 1 + 9 * 2.5 / 4),
    "spaq": (spaq, "00001.jpg", 3.25),
    "flickr-aes": (flickr_aes, "farm1_262_2.jpg", 3.25),
    "cadb": (cadb, "10003.jpg", 1 + 9 * 1.2 / 4),
    "oasis": (oasis, "Acorns 1.jpg", 5.5),
    "agiqa-3k": (agiqa, "sd_001.jpg", 5.5),
}


@pytest.mark.parametrize("name", COLLECTIONS)
def test_its_own_files_are_read(name: str, tmp_path: Path) -> None:
    """The first test picture has the mean that its file says, on 1..10, and lies where it is."""
    build, picture, mean = MINIATURES[name]
    collection = COLLECTIONS[name]
    root = build(tmp_path)
    rated = read_part(collection, root)
    first = rated.images[0]
    assert first.id == picture
    assert first.mean == pytest.approx(mean)
    assert first.path.is_file()
    assert first.collection == ("ava" if name in ("ava", "eva") else name)
    for part in collection.parts:
        others = read_part(collection, root, part)
        assert part == "test" or not {*others.ids} & {*rated.ids}
    for text in (collection.source, collection.licence, collection.obtain, collection.ratings):
        assert text


@pytest.mark.parametrize("name", ["eva", "para", "flickr-aes"])
def test_people_are_told_apart(name: str, tmp_path: Path) -> None:
    build, picture, _ = MINIATURES[name]
    rated = read_persons(COLLECTIONS[name], build(tmp_path))
    of_first = [rating for rating in rated.personal if rating.image == picture]
    assert len({rating.person for rating in of_first}) == 2
    assert rated.images[0].mean == pytest.approx(sum(r.value for r in of_first) / 2)


def test_votes_of_people_become_a_histogram(tmp_path: Path) -> None:
    rated = read_part(COLLECTIONS["eva"], eva(tmp_path))
    assert sum(rated.images[0].votes or ()) == pytest.approx(2)
    assert PersonalRating("5", "71.jpg", 1 + 9 * 4 / 10) in rated.personal
    # Halves of a step are no whole votes.
    assert read_persons(COLLECTIONS["para"], para(tmp_path)).images[0].votes is None


def test_halves_of_a_vote_are_a_histogram_of_nine_steps(tmp_path: Path) -> None:
    (picture,) = read_part(COLLECTIONS["para"], para(tmp_path)).images
    assert sum(picture.votes or ()) == pytest.approx(4)
    assert picture.group == "session1"


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no generic_test\.jpgl.*comes from the authors"):
        find_file(tmp_path, "generic_test.jpgl", "the authors")
    with pytest.raises(DataError, match=r"no collection 'koniq'; there are: ava, "):
        find_collection("koniq")
    with pytest.raises(DataError, match="SPAQ has no train part; its authors did not divide it"):
        read_part(COLLECTIONS["spaq"], tmp_path, "train")
    with pytest.raises(DataError, match="SPAQ does not say which person"):
        read_persons(COLLECTIONS["spaq"], tmp_path)
