# Everything CI checks.
check:
    bash .ci/run

# A video, as a newcomer makes it.
generate *ARGS:
    cargo run --release -- generate {{ARGS}}

test *ARGS:
    cargo test --workspace {{ARGS}}

format:
    cargo fmt --all

# Licences and advisories of the dependencies, and spelling; both tools are cargo installs.
audit:
    cargo deny check licenses bans sources
    typos

# Rebuilds the studio's page.
page:
    cd web && npm ci && npm run build

# The film set, the detectors and the evaluation.
train *ARGS:
    cargo run --release --package kinora-train -- {{ARGS}}

# Rewrites all parity fixtures: the native model's and the open models' (needs oracle/requirements.txt).
fixtures:
    cd oracle && python fixtures.py
    cd oracle && for script in files t5 ltx ltx_keys wan directories pictures single_files; do \
        python -m open_models.$script || exit 1; \
    done

# The pinned official SDKs against the real binary; installs them under target/sdk.
conformance:
    crates/kinora/tests/sdk/run

# The page in Debian's Chromium; screenshots go to target/e2e.
journey:
    web/e2e/run

# Ten thousand clips and five hundred listeners on the test double; wants the machine for itself.
load:
    cargo test -p kinora-double --test double -- --ignored --nocapture load

# Files in a bucket, on moto's server, which is installed under target/moto.
bucket:
    crates/kinora/tests/bucket/install
    cargo test -p kinora --features s3 --test studio -- bucket

# Requests that nobody thought of, made from the OpenAPI document; installs its tool under target/sdk.
schemathesis:
    crates/kinora/tests/sdk/schemathesis
