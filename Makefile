# The targets most people need; tools/setup.sh does the work. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: chat build test fuzz bench bench-peer bench-serve soak lm-eval sanitize quality format tidy clean help

# As typed: a $ in a prompt is a $.
override PROMPT := $(value PROMPT)
export PROMPT MODEL HENG_MODELS FUZZ_SECONDS SOAK_REQUESTS CTEST_ARGS

sources = $(shell find apps bench examples fuzz include src tests -name '*.h' -o -name '*.cpp')

chat build test fuzz bench bench-peer bench-serve soak lm-eval sanitize quality:
	@tools/setup.sh $@

format:
	@tools/setup.sh packages format
	@clang-format -i $(sources)

tidy:
	@tools/setup.sh packages format
	@test -f build/compile_commands.json || tools/setup.sh build
	@clang-tidy -p build --quiet $(filter src/%.cpp apps/%.cpp,$(filter-out %.isa.cpp,$(sources)))

clean:
	rm -rf build build-fuzz build-asan build-tsan

help:
	@echo 'make chat         install what is missing, build, fetch a small model, open a chat'
	@echo '                    PROMPT="..."   answer once and exit (so does a question on standard input)'
	@echo '                    MODEL=PATH     a model folder, a .gguf file or a name in the cache'
	@echo 'make build        the same up to the build: build/heng'
	@echo 'make test         the same, then all tests'
	@echo '                    CTEST_ARGS="-R Tokenizer"   options for ctest'
	@echo 'make fuzz         every reader under libFuzzer'
	@echo '                    FUZZ_SECONDS=3600   for each of them'
	@echo 'make bench        speed on this machine, beside what its memory and processor can do'
	@echo 'make bench-peer   speed beside llama.cpp, alternating runs'
	@echo '                    HENG_PEER=PATH   llama-bench, or a program that runs it'
	@echo 'make bench-serve  heng serve under load, beside llama-server'
	@echo '                    HENG_PEER_SERVER=PATH   llama-server, or a program that runs it'
	@echo 'make soak         heng serve for a while: random cancels, many connections, nothing lost'
	@echo '                    SOAK_REQUESTS=100000'
	@echo "make lm-eval      PyPI's lm_eval over heng serve, bit for bit"
	@echo 'make sanitize     the tests of server, engine and grammar under TSan and ASan+UBSan'
	@echo 'make quality      how far rounding moves the model on real text (needs numpy)'
	@echo '                    HENG_DATA=DIR   a folder with CMMLU and GSM8K: cmmlu/test/*.csv, gsm8k/test.jsonl'
	@echo 'make format       clang-format over all sources'
	@echo 'make tidy         clang-tidy over src and apps'
	@echo 'make clean        remove build and the other build folders'
	@echo 'HENG_MODELS=DIR   the model cache (by default ~/.cache/heng/models)'
