"""Airflow 3: the pages of every night. The task fails on a new alarm, and your alert tells it.

Copy to the folder of DAGs. Codes: 1 some pages failed, 2 the source cannot be used, 3 a new
alarm; `skip_on_exit_code` is left empty, so that each of them is seen.
"""

import datetime as dt

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

with DAG(
    "leakkit",
    schedule="0 3 * * *",
    start_date=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    catchup=False,
    max_active_runs=1,
):
    BashOperator(
        task_id="report",
        bash_command=(
            "leakkit report /srv/crm/export --out /srv/pages --log json"
            " --summary /srv/pages-news/news.json --fail-on new-alarm --max-drop 0.3"
        ),
    )
