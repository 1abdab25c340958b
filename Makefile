MODEL  = cae
DATA   = mnist
RUN    = runs/$(basename $(notdir $(MODEL)))
EPOCHS =
SEED   =
ENGINE =
DEVICE =

NAME   := $(notdir $(RUN:/=))
EXPORT := exported/$(NAME)

DEVICE_OPTION := $(if $(DEVICE),--device $(DEVICE))
TRAIN_OPTIONS := $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE))

INSTALLED := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install train export encode evaluate gallery test lint bench clean

help: ## print this
	@echo 'make TARGET... [MODEL=cae] [DATA=mnist] [EPOCHS=] [SEED=] [ENGINE=] [DEVICE=] [RUN=runs/MODEL]'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## install the npm packages, if they are missing or outdated (every target does)

$(INSTALLED): package-lock.json
	npm ci --no-audit --no-fund

train: $(INSTALLED) ## train MODEL on DATA into RUN, or go on with what is there
	npx convae train $(MODEL) --data '$(DATA)' --run '$(RUN)' --resume $(TRAIN_OPTIONS) $(DEVICE_OPTION)

export: $(INSTALLED) ## export RUN to ONNX, into exported/
	npx convae export '$(RUN)' --out '$(EXPORT)'

encode: $(INSTALLED) ## encode all of DATA with the exported model, into latents/
	npx convae encode '$(EXPORT)' --data '$(DATA)' --out 'latents/$(NAME).parquet' $(DEVICE_OPTION)

evaluate: $(INSTALLED) ## measure the exported model on DATA
	npx convae evaluate '$(EXPORT)' --data '$(DATA)' $(DEVICE_OPTION)

gallery: $(INSTALLED) ## train, export, evaluate and draw all models on DATA, or what is left of that
	npx convae gallery --data '$(DATA)' $(TRAIN_OPTIONS) $(DEVICE_OPTION)

test: $(INSTALLED) ## run the tests
	npm test -- $(TEST_OPTIONS)

lint: $(INSTALLED) ## check formatting, style and types
	npm run lint
	npm run typecheck

bench: $(INSTALLED) ## time the engines and the encoding
	npm run bench:engines
	npm run bench:encode -- '$(EXPORT)'

clean: ## remove the packages and what was built; runs/, exported/ and latents/ stay
	rm -rf node_modules coverage pipeline/*/node_modules pipeline/*/dist
