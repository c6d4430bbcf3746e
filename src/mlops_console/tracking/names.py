"""Names for runs that were given none: calm-otter-42."""

import os

_ADJECTIVES = (  # noqa: SIM905 - as literals they would take a line each
    "able amber ample azure bold brave breezy bright brisk calm candid cheery civil clear clever coral cosmic "
    "crisp dapper daring deep dim eager early easy fair fancy fleet fond frank fresh gentle glad golden grand "
    "hardy hazel honest humble ideal jade jolly keen kind lively lucid lucky lunar mellow merry mild misty modest "
    "neat nimble noble olive patient placid plain polar proud quick quiet rapid ready royal ruby rustic sage "
    "serene sharp shy silver sleek smart solar solid steady stout subtle sunny swift tidy topaz tranquil true "
    "vivid warm wise witty young zesty "
).split()
_ANIMALS = (  # noqa: SIM905 - as literals they would take a line each
    "adder badger bear beaver bison bobcat camel cheetah cobra condor cougar coyote crane cricket crow deer dingo "
    "dolphin dove dragonfly eagle egret elk falcon ferret finch flamingo fox gazelle gecko gibbon goose gopher "
    "grouse gull hare hawk hedgehog heron hornet ibex ibis iguana impala jackal jaguar jay kestrel kite koala "
    "lark lemur leopard lion lizard llama lynx macaw magpie mantis marten mole moose moth newt ocelot orca oryx "
    "osprey otter owl panda parrot pelican penguin pike puffin puma quail rabbit raven robin salmon seal shrew "
    "sloth sparrow stork swan tapir tern tiger toad trout turtle viper vole walrus weasel whale wolf wombat wren "
    "yak zebra "
).split()


def generate() -> str:
    """A name that is easy to say and to remember. Two runs may get the same one: the id is what is unique."""
    random = int.from_bytes(os.urandom(8))
    random, adjective = divmod(random, len(_ADJECTIVES))
    random, animal = divmod(random, len(_ANIMALS))
    return f"{_ADJECTIVES[adjective]}-{_ANIMALS[animal]}-{random % 100}"
