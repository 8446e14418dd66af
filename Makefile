# Two commands: `make app` installs and opens the app, `make test` installs and passes the tests.
# Each needs only Python 3.11 or newer with make; second calls start at once.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WORKERS ?= 2

# Keras' other backends, each with an environment of its own: requirements.txt without TensorFlow, and the backend.
BACKENDS := jax torch

.PHONY: app test test-backends check mlflow bench pictures starter clean

app: $(VENV)/.installed
	$(BIN)/streamlit run app.py

test: $(VENV)/.installed-dev $(VENV)/.browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

# Training under JAX and PyTorch on machines without TensorFlow, and what was trained there loaded and screened here.
test-backends: $(VENV)/.installed-dev $(BACKENDS:%=.venv-%/.installed)
	@for backend in $(BACKENDS); do \
	  echo "Under $$backend" && rm -rf .venv-$$backend/trained && \
	  KERAS_BACKEND=$$backend LESIONLAB_TRAINED=$(CURDIR)/.venv-$$backend/trained .venv-$$backend/bin/python -m pytest \
	    -n $(WORKERS) --dist loadfile $(BACKEND_TESTS) || exit 1; \
	done
	@echo "Under tensorflow" && KERAS_BACKEND=tensorflow LESIONLAB_TRAINED=$(VENV)/trained \
	  LESIONLAB_TRAINED_ELSEWHERE="$(BACKENDS:%=$(CURDIR)/.venv-%/trained)" \
	  $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(BACKEND_TESTS)

# What a backend has to do like any other.
BACKEND_TESTS := tests/backends tests/training/test_backend.py tests/training/test_worker.py tests/training/test_optimizer.py \
  tests/training/test_recalibration.py tests/models/test_folded.py

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The pictures of the README, made by the app itself on synthetic lesions.
pictures: $(VENV)/.installed-dev $(VENV)/.browser
	$(BIN)/python docs/make_pictures.py

# The bundle in models/starter, from ImageNet weights: make starter DATA=path/to/ham10000 (two hours on two cores).
starter: $(VENV)/.installed
	$(BIN)/python docs/make_starter.py "$(DATA)"

# Each bench compares LesionLab with what people would use instead, and with the floor; results go to bench/results/.
# PyTorch, an opponent and a backend, and JAX live in environments of their own.
bench: $(VENV)/.installed-dev $(VENV)/.browser $(BACKENDS:%=.venv-%/.installed)
	$(BIN)/python -m bench

# The full MLflow wants an older pandas than the app: it lives in an environment of its own, on the same store.
mlflow: .venv-mlflow/.installed
	.venv-mlflow/bin/mlflow ui --host 127.0.0.1 --port 5001 \
	  --backend-store-uri "$${MLFLOW_TRACKING_URI:-sqlite:///$${LESIONLAB_HOME:-$(CURDIR)/workspace}/mlflow.db}"

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "LesionLab needs Python 3.11 or newer; set PYTHON=/path/to/python3.11 and call make again." >&2; exit 1; }
	@.ci/with-root $(PYTHON) -c 'import ensurepip' python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.installed: requirements.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	@touch $@ $(VENV)/.installed

$(VENV)/.browser: | $(VENV)/bin/python
	@.ci/with-root sh -c 'command -v chromium || command -v chromium-browser || command -v google-chrome' chromium
	@touch $@

.venv-mlflow/.installed: requirements.txt
	$(PYTHON) -m venv .venv-mlflow
	.venv-mlflow/bin/python -m pip install --quiet "mlflow==$$(sed -n 's/^mlflow-skinny==//p' requirements.txt)"
	@touch $@

# PyTorch wants newer setuptools than the one that Python brings, which constraints.txt holds still.
$(BACKENDS:%=.venv-%/.installed): .venv-%/.installed: requirements-backends-%.txt requirements.txt requirements-dev.txt constraints.txt
	$(PYTHON) -m venv .venv-$*
	@cat requirements.txt requirements-dev.txt | grep -E '^[a-z].*==' | \
	  grep -vE '^(tensorflow|tf-keras-vis|playwright|ruff)==' >.venv-$*/without-tensorflow.txt
	@grep -v '^setuptools==' constraints.txt >.venv-$*/constraints.txt
	.venv-$*/bin/python -m pip install --quiet -c .venv-$*/constraints.txt -r .venv-$*/without-tensorflow.txt \
	  -r requirements-backends-$*.txt
	@touch $@

clean:
	rm -rf $(VENV) .venv-mlflow $(BACKENDS:%=.venv-%) .pytest_cache .ruff_cache
