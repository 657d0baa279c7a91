"""Prefect: the pages of every night, as a flow.

Run once with `python leakkit_prefect.py`; it then waits for three in the morning.
"""

import shlex
import subprocess

from prefect import flow

COMMAND = (
    "leakkit report /srv/crm/export --out /srv/pages --log json"
    " --summary /srv/pages-news/news.json --fail-on new-alarm --max-drop 0.3"
)


@flow(name="leakkit", log_prints=True)
def report() -> None:
    """Fail where some pages failed (1), the source cannot be used (2), or an alarm is new (3)."""
    done = subprocess.run(shlex.split(COMMAND), capture_output=True, text=True, check=False)
    print(done.stdout, done.stderr)
    done.check_returncode()


if __name__ == "__main__":
    report.serve(name="leakkit-nightly", cron="0 3 * * *")
