"""Words of initial passwords: short, common, in lower case, and nothing to tease a child with."""

from __future__ import annotations

# 512 of them: nine bits each.
_TEXT = """
acorn amber apple april apron arch arrow atlas attic autumn badge baker bamboo banjo basket bay
beach bead bean bear bell belt bench berry bike birch bird bison bloom blue boat book boot bowl
box bread breeze brick bridge brook brush bubble bucket bunny bus bush button cabin cactus cake
camel camp canal candle candy canoe canvas cap cape car card carpet carrot cart castle cat cave
cedar cello chair chalk cherry chess circle circus city clay clock cloth cloud clover clown clue
coast coat cocoa coin comet cookie copper coral corn cotton crane crayon cream creek crown cube
cup curry daisy dance dawn day deck deer desk dinner dish dock doll door dot dove dragon dream
dress drum duck dune eagle ear earth east egg elbow elm ember eye face fairy falcon fan farm
feast fern ferry field finch fir fire fish flag flame flock flower flute food foot forest fork
fossil fox friend frog frost fruit fudge galaxy game garden gate gecko gift ginger globe glove
goat gold golf grain grape grass green guest guitar hall hammer hand harbor harp hat hawk hay
hazel heart helmet heron hill hive hobby home honey hoop horn horse hotel house ice igloo ink
iris iron island ivory ivy jacket jade jam jar jeans jelly jet jewel juice july june jungle
kayak kettle key king kite kitten kiwi koala lace ladder lake lamb lamp land lark laser lawn
leaf lemon lemur letter light lilac lily lime lion llama loop lotus lunch lynx magic magnet
mango map maple marble march mask mat meadow melon metal mile milk mill mint mirror mitten moon
moose moss moth mouse mug music name napkin navy nest night noodle noon north nose note oak
oasis ocean olive onion orange orbit orchid otter oval oven owl page paint palm panda paper
parade park parrot party pasta path peach peak pear pearl pebble pencil penny pepper petal piano
picnic pie pier pillow pilot pine pink pizza plane planet plant plate plaza plum pocket poem
poet pond pony pool poppy porch potato prize puddle puppet puppy purple puzzle queen quilt
rabbit radio raft rain ranch raven ray reef ribbon rice riddle ring river road robin robot rock
rocket roll roof room root rope rose ruby rug saddle safari sail salad salmon salt sand sauce
scarf school scout seal season seat seed shark shelf shell ship shirt shoe shore silk silver
skate sketch ski sky sled smile snack snow soap sock sofa song soup south space spark spice
spoon sport spray spring spruce stage stamp star steam stem step stone storm story straw stream
sugar summer sun sunny surf swan sweet swing syrup table taco tango tape tea team tent ticket
tide tiger tile timber toast toe tomato tool torch tower town toy trail train tree trout truck
tulip tuna tunnel turtle twig twin valley van vase velvet vest video vine viola violet violin
voice vowel waffle wagon walnut wand water wave week west wheat wheel willow wind window wing
winter wish wolf wonder word world wren yard yarn year yogurt zebra zipper zoo
"""
WORDS = tuple(_TEXT.split())
