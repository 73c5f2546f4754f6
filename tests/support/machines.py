"""Run a state machine of Hypothesis as every test of one does."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test


def run_machine(
    machine: type[RuleBasedStateMachine],
    *,
    examples: int,
    is_fixed: bool,
    steps: int = 20,
    phases: tuple[Phase, ...] = tuple(Phase),
) -> None:
    """Run some histories; fixed: the same in every CI run, where `make stress` looks for new ones."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=is_fixed,
            phases=phases,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
