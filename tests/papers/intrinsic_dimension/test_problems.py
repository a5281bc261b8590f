"""The image problems: what is shuffled, what is not, and how many images there are."""

import numpy as np
import pytest
import torch

from replicate.papers.intrinsic_dimension.problems import load


def test_mnist_is_the_authors_split():
    """Lost: the protocol; the authors train on 50,000 images and test on 10,000."""
    problem = load("MNIST")
    assert problem.train_images.shape == (50_000, 1, 28, 28)
    assert problem.test_images.shape == (10_000, 1, 28, 28)
    assert (problem.pixels, problem.n_classes, problem.scale) == (784, 10, 255)
    assert problem.train_images.dtype == torch.uint8


def test_shuffled_pixels_are_one_permutation_for_all_images():
    """Lost: C5; a permutation per image would destroy the problem, another one for the test set too."""
    plain, shuffled = load("digits"), load("digits", pixels="shuffled")
    flat = [p.train_images.flatten(1) for p in (plain, shuffled)]
    signature = [[tuple(column.tolist()) for column in x.T] for x in flat]
    assert sorted(signature[0]) == sorted(signature[1])
    assert signature[0] != signature[1]
    flat_test = [p.test_images.flatten(1) for p in (plain, shuffled)]
    both = [torch.cat(pair) for pair in zip(flat, flat_test, strict=True)]
    whole = [[tuple(column.tolist()) for column in x.T] for x in both]
    assert sorted(whole[0]) == sorted(whole[1])
    torch.testing.assert_close(plain.train_labels, shuffled.train_labels)


def test_shuffled_labels_keep_the_classes_and_carry_no_information():
    """Lost: C6; random labels must stay balanced and the test labels true."""
    plain, shuffled = load("digits"), load("digits", labels="shuffled")
    torch.testing.assert_close(plain.train_labels.bincount(), shuffled.train_labels.bincount())
    torch.testing.assert_close(plain.test_labels, shuffled.test_labels)
    agreement = (plain.train_labels == shuffled.train_labels).double().mean().item()
    chance = 4 * np.sqrt(0.1 * 0.9 / len(plain.train_labels))
    assert agreement == pytest.approx(0.1, abs=chance)


def test_a_part_of_the_training_set_is_its_beginning():
    """Lost: nested subsets; 1,000 labels are among the 5,000."""
    part, whole = load("digits", n_train=100), load("digits")
    torch.testing.assert_close(part.train_images, whole.train_images[:100])
    assert len(part.test_images) == len(whole.test_images)


def test_unknown_data_set_names_the_nearest():
    """Lost: a helpful error."""
    with pytest.raises(ValueError, match="did you mean 'MNIST'"):
        load("MNISTT")
