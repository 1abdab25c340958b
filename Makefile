MODEL  = cae
DATA   = mnist
RUN    = runs/$(basename $(notdir $(MODEL)))
EPOCHS =
SEED   =
ENGINE =
DEVICE =

NAME   := $(notdir $(RUN:/=))
EXPORT := exported/$(NAME)
# The page shows the first model first.
CARDS  := $(sort $(wildcard exported/*/card.json))
ALL    := $(patsubst %/card.json,'%',$(filter exported/cvae/%,$(CARDS)) $(filter-out exported/cvae/%,$(CARDS)))

DEVICE_OPTION := $(if $(DEVICE),--device $(DEVICE))
TRAIN_OPTIONS := $(if $(EPOCHS),--epochs $(EPOCHS)) $(if $(SEED),--seed $(SEED)) $(if $(ENGINE),--engine $(ENGINE))

INSTALLED := node_modules/.package-lock.json

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install train export encode evaluate gallery viewer test lint bench clean

help: ## print this
	@echo 'make TARGET... [MODEL=cae] [DATA=mnist] [EPOCHS=] [SEED=] [ENGINE=] [DEVICE=] [RUN=runs/MODEL]'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## install the npm packages if missing or outdated (every target does this)

$(INSTALLED): package-lock.json
	npm ci --no-audit --no-fund

train: $(INSTALLED) ## train MODEL on DATA into RUN, or resume RUN
	npx convae train $(MODEL) --data '$(DATA)' --run '$(RUN)' --resume $(TRAIN_OPTIONS) $(DEVICE_OPTION)

export: $(INSTALLED) ## export RUN to ONNX, into exported/
	npx convae export '$(RUN)' --out '$(EXPORT)'

encode: $(INSTALLED) ## encode all of DATA with the exported model, into latents/
	npx convae encode '$(EXPORT)' --data '$(DATA)' --out 'latents/$(NAME).parquet' $(DEVICE_OPTION)

evaluate: $(INSTALLED) ## write a report on the exported model, measured on DATA
	npx convae evaluate '$(EXPORT)' --data '$(DATA)' $(DEVICE_OPTION)

gallery: $(INSTALLED) ## train, export and evaluate all models on DATA, skipping what is done
	npx convae gallery --data '$(DATA)' $(TRAIN_OPTIONS) $(DEVICE_OPTION)

viewer: $(INSTALLED) ## build the page for all of exported/, into web-viewer/dist
	npx convae site $(ALL) --data '$(DATA)' --out web-viewer/dist $(DEVICE_OPTION)

test: $(INSTALLED) ## run the tests: the fast, the slow and those in browsers
	npm test -- $(TEST_OPTIONS)
	npm run test:slow -- $(SLOW_TEST_OPTIONS)
	npm run test:browser -- $(BROWSER_TEST_OPTIONS)

lint: $(INSTALLED) ## check formatting, style, import direction and types
	npm run lint
	npm run typecheck

bench: $(INSTALLED) ## time the engines and encoding
	npm run bench:engines
	npm run bench:encode -- '$(EXPORT)'

clean: ## remove packages and build output; keep runs/, exported/ and latents/
	rm -rf node_modules coverage dist pipeline/*/node_modules pipeline/*/dist web-viewer/node_modules web-viewer/dist
