# SPDX-License-Identifier: Apache-2.0
# The tracer: preload is what lives in the job, symbols what explains it outside.
include tracer/symbols/build.mk
include tracer/preload/build.mk
