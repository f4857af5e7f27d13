model:  ## check the lock-free rooms with GenMC, if there is one
	@sh tests/run.sh "sh tests/model/run.sh"

.PHONY: model
