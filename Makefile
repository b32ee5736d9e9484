# The commands of this project. `make help` lists them.

# Set PYTHON to choose; else the newest of these that really runs (a pyenv shim may exist and yet run nothing).
PYTHONS := python3.13 python3.12 python3.11 python3
PYTHON := $(or $(PYTHON),$(shell for python in $(PYTHONS); do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$python"; break; }; \
	done))
# How many run tests at once, one more than there are processors, since some of them wait for others; 0 for one that a
# debugger can stop.
PROCESSES := $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2); echo $$((n < 4 ? n + 1 : 4)))
SOURCES := conversation_tracker orders settings_ui tests benchmarks manage.py
COMPILE := .venv/bin/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
LOCALES := --locale pt_BR --locale es

.DEFAULT_GOAL := help
.PHONY: help run test chaos bench lint types check lock messages clean venv-local venv-dev chromium
.NOTPARALLEL:

help: ## List these commands
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

# The recipe's shell becomes the program itself, so that a signal for it reaches it.
run: venv-local ## Run everything on this machine, with demo data (PORT=8000 HOST=127.0.0.1 VAR=var)
	@exec .venv/bin/python -m conversation_tracker.local.run

test: venv-dev chromium ## Run all tests, browser tests included (ARGS="-k mask -x" PROCESSES=0)
	@exec .venv/bin/python -m pytest --numprocesses $(PROCESSES) --dist loadfile $(ARGS)

chaos: venv-dev ## Kill everything while mail comes in, and prove that none is lost (ARGS="--mails 500 --kills 5")
	@exec .venv/bin/python -m tests.chaos $(ARGS)

bench: venv-dev ## Measure each budget beside a floor of the same run (ARGS="--full", ARGS="--only page find")
	@exec .venv/bin/python -m benchmarks $(ARGS)

lint: venv-dev ## Check style and import contracts
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports

types: venv-dev ## Check types
	LOCAL=true DEBUG=true .venv/bin/mypy $(SOURCES)

# A production environment that exists only for these checks.
PRODUCTION = env -u VAR LOCAL=false DEBUG=false CHECK_MIGRATIONS=true DATABASE_URL=postgres:///none DATABASE_POOL_SIZE=0 \
	SECRET_KEY="$$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
	SEAL_KEYS="k1:$$(head -c 32 /dev/urandom | base64)" DIGEST_KEY="$$(head -c 32 /dev/urandom | base64)" \
	ALLOWED_HOSTS=ct.example.com PUBLIC_URL=https://ct.example.com \
	INBOUND_PROVIDERS=postmark,mailgun,amazon_ses WEBHOOK_SECRET=hook:0123456789abcdef0123456789abcdef \
	MAILGUN_WEBHOOK_SIGNING_KEY=0123456789abcdef0123456789abcdef \
	AMAZON_SES_TOPIC_ARNS=arn:aws:sns:eu-west-1:123456789012:inbound

check: venv-dev ## Check migrations, and that a production start lacks nothing
	$(PRODUCTION) .venv/bin/python manage.py check --deploy --fail-level WARNING
	$(PRODUCTION) .venv/bin/python -W ignore manage.py makemigrations --check --dry-run

lock: venv-dev ## Compile requirements/*.txt from pyproject.toml (ARGS=--upgrade)
	$(COMPILE) $(ARGS) --extra local --extra dev --output-file requirements/dev.txt
	$(COMPILE) $(ARGS) --extra local --output-file requirements/local.txt
	$(COMPILE) $(ARGS) --output-file requirements/base.txt

messages: venv-dev ## Collect the texts to translate, and compile the translations
	@command -v xgettext >/dev/null || { echo 'make: this needs GNU gettext (apt-get install gettext).' >&2; exit 1; }
	.venv/bin/python manage.py makemessages $(LOCALES) --ignore .venv --ignore var --ignore tests --add-location file --no-wrap
	.venv/bin/python manage.py compilemessages $(LOCALES) --ignore .venv

clean: ## Remove the virtualenv, the data folder (VAR=var) and all caches
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m conversation_tracker.local.clean; fi
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

venv-local venv-dev: venv-%:
	@if [ -z "$(PYTHON)" ]; then \
		echo 'make: no Python 3.11 or newer runs here (tried $(PYTHONS)). Set PYTHON=/path/to/python3.' >&2; exit 1; \
	fi
	@exec "$(PYTHON)" -I conversation_tracker/local/install.py $*

# As root on Debian and its kin Chromium is installed; elsewhere its tests are skipped, and that is said aloud.
chromium:
	@command -v chromium >/dev/null && exit 0; \
	if [ "$$(id -u)" = 0 ] && [ -e /etc/debian_version ]; then \
		echo '  · Installing Chromium for the browser tests'; \
		DEBIAN_FRONTEND=noninteractive apt-get update -q && \
		DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium; \
	fi >/dev/null; \
	command -v chromium >/dev/null && exit 0; \
	echo '********************************************************************************'; \
	echo '  THE BROWSER TESTS ARE SKIPPED: there is no chromium in PATH.'; \
	echo '  Debian: sudo apt-get install chromium. As root, make test installs it itself.'; \
	echo '********************************************************************************'
