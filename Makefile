# Two commands: `make app` installs and opens the app, `make test` installs and passes the tests.
# Each needs only Python 3.11 or newer with make; second calls start at once.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
WORKERS ?= 2

.PHONY: app test check mlflow bench pictures clean

app: $(VENV)/.installed
	$(BIN)/streamlit run app.py

test: $(VENV)/.installed-dev $(VENV)/.browser
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The pictures of the README, made by the app itself on synthetic lesions.
pictures: $(VENV)/.installed-dev $(VENV)/.browser
	$(BIN)/python docs/make_pictures.py

# Each bench compares LesionLab with what people would use instead, and with the floor; results go to bench/results/.
# PyTorch is an opponent only, and lives in an environment of its own.
bench: $(VENV)/.installed-dev $(VENV)/.browser .venv-torch/.installed
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

.venv-torch/.installed: requirements-bench.txt
	$(PYTHON) -m venv .venv-torch
	.venv-torch/bin/python -m pip install --quiet -r requirements-bench.txt
	@touch $@

clean:
	rm -rf $(VENV) .venv-mlflow .venv-torch .pytest_cache .ruff_cache
