"""`mecopt list`."""

import click


@click.command("list")
def command() -> None:
    """Show every installed problem with its solvers and presets, every learner, and the policies that ship."""
    from mecopt.backends.backend import Feature, Installable
    from mecopt.cli.console import console
    from mecopt.registry import find_learner, learner_names, problems
    from mecopt.trained import read_card

    screen = console()

    def notes(one: Installable, features: Feature) -> str:
        known = {Feature.WARM_PRIMAL: "takes a start", Feature.WARM_PRIMAL_DUAL: "takes a primal-dual start"}
        found = [text for flag, text in known.items() if flag in features]
        if not one.is_available():
            what = f"'mecopt\\[{one.extra}]'" if one.extra else one.package
            found.append(f"[red]not installed: pip install {what}[/red]")
        return f" [dim]({'; '.join(found)})[/dim]" if found else ""

    for name, cls in problems().items():
        screen.print(f"[bold]{name}[/bold]: {cls.summary}")
        screen.print(f"  {cls.sense}s the {cls.objective_name} \\[{cls.objective_unit}]")
        screen.print(f"  decision  {cls.decision_summary}")
        screen.print(f"  source    {cls.reference.paper}, {cls.reference.equations}")
        screen.print("  presets")
        for preset, scenario in cls.presets.items():
            sizes = ", ".join(f"{getattr(scenario, name)} {name}" for name in cls.size_names())
            screen.print(f"    [cyan]{preset:<20}[/cyan] {sizes}: {scenario.summary}")
        for title, known in (("backends (decision fixed)", cls.backends), ("solvers (decision open)", cls.solvers)):
            screen.print(f"  {title}, the first is the default")
            for key, one in known.items():
                screen.print(f"    [cyan]{key:<20}[/cyan] {one.summary}{notes(one, one.features)}")
        screen.print()
    for name in learner_names():
        learner = find_learner(name)
        screen.print(f"[bold]{name}[/bold]: {learner.summary}")
        screen.print(f"  variants  {', '.join(learner.variants)}")
        for folder in learner.shipped():
            card = read_card(folder)
            screen.print(
                f"  ships     {card['problem']}, preset {card.get('preset')}, {card['users']} users, seed {card.get('seed')}"
            )
        screen.print()
