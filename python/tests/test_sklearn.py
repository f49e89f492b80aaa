"""The estimators of scikit-learn, beside the transformer."""

from __future__ import annotations

import pickle
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import labelled

import delicate

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils import estimator_checks

from delicate.sklearn import DelicateClassifier, DelicateFingerprint, DelicateRegressor

SMILES, SIZES, CLASSES = labelled(60)
QUICK: dict[str, Any] = {
    "epochs": 1,
    "split": "random",
    "random_state": 1,
    "device": "cpu",
    "settings": {"batch.molecules": 8},
}
ESTIMATORS = [DelicateFingerprint(device="cpu"), DelicateRegressor(), DelicateClassifier()]

# Of scikit-learn's checks those that look at an estimator without giving it data.
WITHOUT_DATA = {
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
}

# All others give it tables of random numbers, and molecules are text: scikit-learn itself
# leaves them out for what says so. What they ask for is tested here with molecules, by the
# test named, or cannot be asked of text.
NUMBERS = "X is a table of numbers; "
WITH_NUMBERS = {
    "check_array_api_input": NUMBERS + "of text there are no arrays of other libraries'",
    "check_classifier_data_not_an_array": NUMBERS + "lists and series: test_an_estimator…",
    "check_classifier_multioutput": NUMBERS + "test_several_labels…",
    "check_classifier_not_supporting_multiclass": NUMBERS + "more than two: test_what_cannot…",
    "check_classifiers_classes": NUMBERS + "names of classes: test_a_classifier…",
    "check_classifiers_multilabel_output_format_decision_function": NUMBERS + "there is no such function",
    "check_classifiers_multilabel_output_format_predict": NUMBERS + "test_several_labels…",
    "check_classifiers_multilabel_output_format_predict_proba": NUMBERS + "test_several_labels…",
    "check_classifiers_multilabel_representation_invariance": NUMBERS + "test_several_labels…",
    "check_classifiers_one_label": NUMBERS + "one class: test_what_cannot_be_fitted…",
    "check_classifiers_one_label_sample_weights": NUMBERS + "there are no weights",
    "check_classifiers_regression_target": NUMBERS + "more than two: test_what_cannot…",
    "check_classifiers_train": NUMBERS + "test_a_classifier…",
    "check_complex_data": NUMBERS + "of text there is no complex part",
    "check_decision_proba_consistency": NUMBERS + "there is no decision function",
    "check_dict_unchanged": NUMBERS + "test_an_estimator…",
    "check_dont_overwrite_parameters": NUMBERS + "test_an_estimator…",
    "check_dtype_object": NUMBERS + "molecules are objects in every test",
    "check_estimator_sparse_array": NUMBERS + "of text there is no sparse form",
    "check_estimator_sparse_matrix": NUMBERS + "of text there is no sparse form",
    "check_estimator_sparse_tag": NUMBERS + "of text there is no sparse form",
    "check_estimators_dtypes": NUMBERS + "text has one type",
    "check_estimators_empty_data_messages": NUMBERS + "test_what_cannot_be_fitted…",
    "check_estimators_fit_returns_self": NUMBERS + "test_an_estimator…",
    "check_estimators_nan_inf": NUMBERS + "a missing molecule: test_an_error…",
    "check_estimators_overwrite_params": NUMBERS + "test_an_estimator…",
    "check_estimators_partial_fit_n_features": NUMBERS + "there is no partial fit",
    "check_estimators_pickle": NUMBERS + "test_an_estimator…",
    "check_estimators_unfitted": NUMBERS + "test_an_estimator…",
    "check_f_contiguous_array_estimator": NUMBERS + "of one column there is one order",
    "check_fit1d": NUMBERS + "one column is what X is",
    "check_fit2d_1feature": NUMBERS + "a table of one column: test_an_estimator…",
    "check_fit2d_1sample": NUMBERS + "too few: test_what_cannot_be_fitted…",
    "check_fit2d_predict1d": NUMBERS + "one column is what X is",
    "check_fit_check_is_fitted": NUMBERS + "test_an_estimator…",
    "check_fit_idempotent": NUMBERS + "test_an_estimator…",
    "check_fit_score_takes_y": NUMBERS + "test_an_estimator…",
    "check_methods_sample_order_invariance": NUMBERS + "test_an_estimator…",
    "check_methods_subset_invariance": NUMBERS + "test_an_estimator…",
    "check_n_features_in": NUMBERS + "one column is what X is",
    "check_n_features_in_after_fitting": NUMBERS + "two columns: test_an_estimator…",
    "check_non_transformer_estimators_n_iter": NUMBERS + "there is no max_iter",
    "check_pipeline_consistency": NUMBERS + "test_an_estimator…",
    "check_positive_only_tag_during_fit": NUMBERS + "text has no sign",
    "check_readonly_memmap_input": NUMBERS + "objects are not mapped from files",
    "check_regressor_data_not_an_array": NUMBERS + "lists and series: test_an_estimator…",
    "check_regressor_multioutput": NUMBERS + "test_several_labels…",
    "check_regressors_int": NUMBERS + "whole numbers: test_an_estimator…",
    "check_regressors_no_decision_function": NUMBERS + "there is none",
    "check_regressors_train": NUMBERS + "test_an_estimator…",
    "check_requires_y_none": NUMBERS + "test_what_cannot_be_fitted…",
    "check_supervised_y_2d": NUMBERS + "test_several_labels…",
    "check_supervised_y_no_nan": NUMBERS + "NaN is no label: test_several_labels…",
    "check_transformer_data_not_an_array": NUMBERS + "test_columns_of_every_library…",
    "check_transformer_general": NUMBERS + "test_scikit_learn_takes_molecules…",
    "check_transformer_n_iter": NUMBERS + "there is no max_iter",
    "check_transformer_preserve_dtypes": NUMBERS + "text has one type",
    "check_transformers_unfitted_stateless": NUMBERS + "test_scikit_learn_takes…",
}


def checks_of(estimator: Any) -> dict[str, Any]:
    """All checks that scikit-learn has for such an estimator, were it of numbers."""

    class OfNumbers(type(estimator)):  # type: ignore[misc]
        def __sklearn_tags__(self) -> Any:
            tags = super().__sklearn_tags__()
            tags.input_tags.two_d_array = True
            return tags

    of_numbers = OfNumbers(**estimator.get_params())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        every = list(estimator_checks.estimator_checks_generator(of_numbers))
    return {
        check.func.__name__ if isinstance(check, partial) else str(check): check
        for _, check in every
    }


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda it: type(it).__name__)
def test_checks_of_scikit_learn_pass_as_far_as_they_know_text(estimator: Any) -> None:
    with pytest.warns(match="requires input"):
        estimator_checks.check_estimator(estimator, on_skip="warn")
    names = set(checks_of(estimator))
    unknown = names - WITHOUT_DATA - set(WITH_NUMBERS)
    assert not unknown, "neither run nor left out for a reason"
    for name in sorted(names & WITHOUT_DATA):
        getattr(estimator_checks, name)(type(estimator).__name__, clone(estimator))


@pytest.fixture(scope="module")
def regressor() -> DelicateRegressor:
    estimator = DelicateRegressor(**QUICK)
    with pytest.raises(NotFittedError):
        estimator.predict(SMILES)
    before = estimator.get_params()
    assert estimator.fit(SMILES, [int(size) for size in SIZES]) is estimator
    assert estimator.get_params() == before
    return estimator


def test_an_estimator_is_cloned_pickled_and_given_any_column(
    regressor: DelicateRegressor, tmp_path: Path
) -> None:
    pd = pytest.importorskip("pandas")
    values = regressor.predict(SMILES)
    assert values.shape == (60,) and np.isfinite(values).all()
    known = {name: value for name, value in vars(regressor).items() if name != "_scorer"}
    for column in (np.array(SMILES), pd.Series(SMILES), pd.DataFrame({"smiles": SMILES})):
        assert (regressor.predict(column) == values).all()
    assert known == {name: value for name, value in vars(regressor).items() if name != "_scorer"}
    with pytest.raises(ValueError, match="one column"):
        regressor.predict(np.array([SMILES, SMILES]).T)
    # Which molecules are beside it does not matter, but for rounding.
    assert np.allclose(regressor.predict(SMILES[::-1])[::-1], values, atol=1e-3)
    assert np.allclose(regressor.predict(SMILES[:3]), values[:3], atol=1e-3)
    again = pickle.loads(pickle.dumps(regressor))
    assert (again.predict(SMILES) == values).all()
    assert -10 < regressor.score(SMILES, SIZES) <= 1
    with pytest.raises(NotFittedError):
        clone(regressor).predict(SMILES)
    # The same seed gives the same numbers, and a folder of a run is kept.
    twin = clone(regressor).set_params(run=tmp_path / "run").fit(SMILES, SIZES)
    assert (twin.predict(SMILES) == values).all()
    assert (tmp_path / "run" / "model").is_dir()


def test_intervals_enclose_predictions_where_enough_molecules_were_held_out(
    regressor: DelicateRegressor,
) -> None:
    with pytest.raises(delicate.ModelError, match="too few"):
        regressor.predict_interval(SMILES)
    settings = {**QUICK["settings"], "split.valid": 0.3, "split.test": 0.3}
    wide = clone(regressor).set_params(settings=settings).fit(SMILES, SIZES)
    low, high = wide.predict_interval(SMILES)
    values = wide.predict(SMILES)
    assert (low < values).all() and (values < high).all()


def test_an_error_names_its_row_or_is_nan(regressor: DelicateRegressor) -> None:
    for bad in ("C1CC", None):
        with pytest.raises(ValueError, match="the first in row 1"):
            regressor.predict(["CCO", bad])
    lenient = pickle.loads(pickle.dumps(regressor)).set_params(on_error="nan")
    assert list(np.isnan(lenient.predict(["CCO", "C1CC"]))) == [False, True]


def test_a_classifier_has_probabilities_of_its_classes() -> None:
    classifier = DelicateClassifier(**QUICK).fit(SMILES, CLASSES)
    assert list(classifier.classes_) == ["active", "inactive"]
    both = classifier.predict_proba(SMILES)
    assert both.shape == (60, 2) and np.allclose(both.sum(axis=1), 1)
    assert set(classifier.predict(SMILES)) <= {"active", "inactive"}
    assert (classifier.predict(SMILES) == classifier.classes_[both.argmax(axis=1)]).all()
    assert 0 <= classifier.score(SMILES, CLASSES) <= 1


def test_several_labels_are_columns_and_may_be_missing() -> None:
    sizes = np.array([SIZES, SIZES[::-1]]).T
    sizes[4, 1] = np.nan
    assert DelicateRegressor(**QUICK).fit(SMILES, sizes).predict(SMILES).shape == (60, 2)
    ones = np.array([[name == "active" for name in CLASSES]] * 2).T.astype(float)
    ones[4, 1] = np.nan
    classifier = DelicateClassifier(**QUICK).fit(SMILES, ones)
    assert [one.shape for one in classifier.predict_proba(SMILES)] == [(60, 2)] * 2
    assert classifier.predict(SMILES).shape == (60, 2) and len(classifier.classes_) == 2


def test_estimators_are_what_model_selection_takes() -> None:
    scores = cross_val_score(DelicateRegressor(**QUICK), np.array(SMILES), SIZES, cv=2)
    assert len(scores) == 2 and np.isfinite(scores).all()


def test_what_cannot_be_fitted_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two classes"):
        DelicateClassifier(**QUICK).fit(SMILES, ["one"] * 60)
    with pytest.raises(ValueError, match="two classes can be told apart; y has"):
        DelicateClassifier(**QUICK).fit(SMILES, SIZES)
    for estimator in (DelicateRegressor(**QUICK), DelicateClassifier(**QUICK)):
        with pytest.raises(ValueError, match="requires y to be passed"):
            estimator.fit(SMILES, None)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        DelicateRegressor(**QUICK).fit(SMILES, SIZES[1:])
    with pytest.raises(ValueError, match="minimum of 1"):
        DelicateRegressor(**QUICK).fit([], [])
    with pytest.raises(delicate.TrainingError):
        DelicateRegressor(**QUICK).fit(SMILES[:5], SIZES[:5])
    with pytest.raises(ValueError, match="on_error"):
        DelicateRegressor(**{**QUICK, "on_error": "skip"}).fit(SMILES, SIZES)
