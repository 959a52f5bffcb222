#!/usr/bin/env bash
# Five models on real and drifting streams: reports, saved models and MLflow runs in runs/demo.
set -euo pipefail
cd "$(dirname "$0")/.."

out="${1:-runs/demo}"
rm -rf "$out"
mkdir -p "$out"
demo="$PWD/examples/demo.yaml"
cd "$out"
export MLFLOW_DISABLE_TELEMETRY=true

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

say "1/4  Web pages, phishing or not (1,250 real rows; models are compiled on first use)"
onlineml run "$demo" --out phishing
say "2/4  Two banana-shaped clusters (5,300 real rows)"
onlineml run "$demo" --stream bananas --window 200 --out bananas
say "3/4  Patches of outdoor images (2,310 real rows, 7 classes)"
onlineml run "$demo" --stream image_segments --window 100 --out image_segments
say "4/4  Loan applicants, with rules that change gradually three times (100,000 generated rows)"
onlineml run "$demo" --stream agr_g --rows 100000 --window 1000 --out agr_g
onlineml report phishing bananas image_segments agr_g --title "onlineml demo" --out report.html

say "Where to look next"
cat <<END
  report    $PWD/report.html
  models    .venv/bin/onlineml inspect $out/agr_g/models/GaussianNB.oml
  MLflow    .venv/bin/mlflow ui --backend-store-uri sqlite:///$PWD/mlflow.db
  again     .venv/bin/onlineml run $out/agr_g/config.yaml --set rows=1000000 --set out=runs/long
  yours     .venv/bin/onlineml run --model GaussianNB --stream mine.csv --target label
  more      .venv/bin/onlineml list; examples/quickstart.py
END
