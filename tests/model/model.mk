model:  ## check the lock-free rooms with GenMC, if there is one
	@sh tests/run.sh "sh tests/model/run.sh"

spin:  ## check the protocol of the scaler with Spin, if there is one
	@sh tests/run.sh "sh tests/model/spin.sh"

.PHONY: model spin
