"""Everyday English of our own making: statements, questions, numbers, dialogue. A table of patterns, and one draw.

`{word}` in a pattern stands for one of the phrases under that name, which may hold further `{word}`s. Numbers are
spelt out, so that no two text front ends can read them differently. The patterns of `HELD_OUT_PATTERNS` and the
sentences of `HELD_OUT_SENTENCES` occur in no training text: they are what a voice is judged on.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence

_SLOT = re.compile(r"\{(\w+)\}")

PHRASES: Mapping[str, Sequence[str]] = {
    name: phrases.split("|")
    for name, phrases in {
        "name": "Anna|Peter|Maria|Tom|Julia|David|Sarah|Michael|Emma|Paul|Laura|Daniel|Helen|George|Alice|Robert|Nina|"
        "Frank|Susan|Oliver|Grace|Henry|Sophie|Martin|Claire|Jack|Ruth|Simon|Eva|Victor",
        "family": "my sister|my brother|my mother|my father|my aunt|my cousin|our neighbor|my grandfather|my wife|"
        "my husband|my best friend|your daughter|their son|her uncle|his roommate|our landlord|my boss|"
        "a friend of mine",
        "who": "{name}|{name}|{family}|{family}|someone at work|the woman next door|the new teacher|nobody|everyone",
        "day": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
        "month": "January|February|March|April|May|June|July|August|September|October|November|December",
        "when": "yesterday|last night|this morning|on {day}|next week|last {month}|in {month}|two hours ago|right now|"
        "after work|before breakfast|at {hour} o'clock|a few minutes ago|every {day}|sooner or later|in the evening",
        "hour": "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve",
        "minute": "five|ten|fifteen|twenty|twenty-five|thirty|forty|forty-five|fifty",
        "few": "two|three|four|five|six|seven|eight|nine|ten|a dozen|several|a couple of",
        "number": "eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|twenty-three|"
        "thirty-one|thirty-eight|forty-two|forty-seven|fifty-six|sixty-four|seventy-five|eighty-two|ninety-nine|"
        "one hundred|one hundred and twelve|two hundred|two hundred and fifty|three hundred and sixty-five|"
        "five hundred|seven hundred and eighty|one thousand|two thousand four hundred|ten thousand",
        "digit": "zero|one|two|three|four|five|six|seven|eight|nine",
        "digits": "{digit} {digit} {digit} {digit}|{digit} {digit} {digit}|{digit} {digit} {digit}, {digit} {digit}",
        "year": "nineteen eighty-four|nineteen ninety-seven|two thousand five|two thousand eighteen|twenty twenty-one|"
        "nineteen sixty-nine|eighteen forty-eight|twenty thirty",
        "ordinal": "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|twentieth|"
        "twenty-first|thirtieth",
        "money": "{number} dollars|{few} euros|{number} pounds|half a million dollars|ninety-five cents|{few} dollars",
        "food": "soup|rice and beans|a sandwich|some cheese|grilled fish|fresh bread|a bowl of noodles|vegetables|"
        "apple pie|a chocolate cake|pancakes|fried eggs|a green salad|roast chicken|strawberries|peanut butter|"
        "mashed potatoes|lemon juice|black coffee|a pot of tea|hot chocolate|orange juice",
        "object": "umbrella|passport|glasses|wallet|laptop|phone charger|jacket|notebook|guitar|camera|suitcase|"
        "toothbrush|scarf|briefcase|bicycle|key to the garage|ticket|earrings|gloves|library card|shopping list",
        "place": "the airport|the supermarket|the dentist|the train station|the swimming pool|the museum|"
        "the post office|"
        "the theater|the town hall|the bakery on the corner|the pharmacy|the beach|the gym|the library|"
        "a hotel downtown|"
        "the mountains|the conference center|the old harbor|my office|the bus stop|a little cafe|the zoo|Oxford Street",
        "town": "London|Paris|New York|Chicago|Berlin|Tokyo|Boston|Madrid|Dublin|Rome|Seattle|Vienna|Sydney|Toronto|"
        "Edinburgh|San Francisco|Cape Town|Shanghai",
        "activity": "watching television|reading a book|cooking dinner|playing the piano|walking the dog|"
        "painting the fence|learning Spanish|fixing the sink|writing a letter|riding a bicycle|growing tomatoes|"
        "listening to the radio|playing chess|taking pictures|working late|going for a run|cleaning the kitchen|"
        "looking for a job|planning a trip|knitting a sweater|baking cookies|swimming in the lake",
        "do": "call the doctor|finish the report|buy some milk|feed the cat|take out the garbage|book a table|"
        "water the plants|send an email|charge my phone|wash the dishes|catch the early train|pick up the kids|"
        "fix the printer|sign the contract|pay the electric bill|practice the violin|change the light bulb|"
        "join the meeting|borrow your ladder|print the tickets|lock the back door|turn down the heating|visit {town}",
        "quality": "wonderful|boring|delicious|expensive|confusing|surprisingly good|a little strange|very helpful|"
        "quite difficult|absolutely terrible|too long|much better than last year|worth the money|rather old-fashioned|"
        "simple and clear|perfectly fine|unusual|noisy|enormous|fragile",
        "subject": "the movie|the concert|that restaurant|the new bridge|her speech|the exhibition|his latest book|"
        "the hotel|the weather|the lesson|the interview|the software|this jacket|the apartment|the championship|"
        "the instructions|the neighborhood|the flight|their wedding|the garden",
        "feeling": "tired|excited|worried|relieved|embarrassed|proud|disappointed|curious|nervous|grateful|confused|"
        "surprised|exhausted|delighted|jealous|hopeful",
        "weather": "raining|snowing|getting dark|unusually warm|foggy|very windy|freezing|sunny again|cloudy|stormy",
        "animal": "cat|dog|parrot|horse|rabbit|turtle|goldfish|hamster|squirrel|fox|owl|elephant|penguin|spider",
        "reason": "the road was closed|it was already too late|nobody had told us|the battery was empty|"
        "the children were asleep|we had run out of time|the price had gone up|the shop was closed|I was feeling ill|"
        "there was too much traffic|the computer had crashed|everyone had left|it was {weather}",
        "measure": "miles|kilometers|pages|minutes|hours|days|weeks|meters|steps|percent|degrees|people|questions",
        "yes": "Yes|Sure|Of course|Absolutely|No problem|All right|I think so|Why not",
        "no": "No|Not really|I'm afraid not|Not yet|Never|Unfortunately not|I don't think so",
        "said": "{name} said|{name} asked|she whispered|he shouted|{name} answered|they told us|he admitted|"
        "she laughed",
        "opener": "Well|Honestly|By the way|As far as I know|To be fair|In the end|Strangely enough|Actually|"
        "If you ask me|For some reason|Believe it or not|On the other hand|Fortunately",
        "verb": "forgot|lost|found|borrowed|bought|broke|returned|wanted|sold|needed",
    }.items()
}

PATTERNS: Sequence[str] = (
    # statements
    "I {verb} my {object} {when}.",
    "{who} is {activity}.",
    "{who} was {activity} when the phone rang.",
    "I have to {do} before {hour} o'clock.",
    "We went to {place} with {name} and {name}.",
    "{opener}, {subject} was {quality}.",
    "I thought {subject} was {quality}, but {name} didn't agree.",
    "{name} has lived in {town} since {year}.",
    "{family} would like to {do}.",
    "It has been {weather} since {day}.",
    "It's {weather}, so take your {object} with you.",
    "We couldn't go to {place} because {reason}.",
    "I felt {feeling} because {reason}.",
    "Although {reason}, {who} managed to {do}.",
    "If it stops raining, we will go to {place} and have {food}.",
    "She ordered {food}, and he asked for {food} instead.",
    "There's {food} in the fridge if you're hungry.",
    "{name} and {name} are getting married in {month}.",
    "The {animal} ran across the road and disappeared behind {place}.",
    "Our {animal} sleeps on the sofa all day.",
    "I'm looking for my {object}, but I can't find it anywhere.",
    "You should never leave your {object} at {place}.",
    "Thank you for {activity} with me {when}.",
    "The most interesting part of the trip was {activity} near {place}.",
    "After {activity} for {few} hours, {family} felt {feeling} and went straight to bed.",
    "{name} told me that {subject} was {quality}, although {reason}.",
    "When I was young, we used to spend every {month} in {town}, {activity} and eating {food}.",
    "I usually drink {food} in the morning and have {food} for dinner.",
    "My {object} is on the table.",
    "Nobody knows why {name} left {town}.",
    "That was {quality}.",
    "{name} is {feeling}.",
    "Keep the change.",
    "Take your time, {name}.",
    "Please {do}.",
    "Don't forget to {do} {when}.",
    "Let's {do} and then go to {place}.",
    "Turn left at {place}, then walk straight on until you see {place} on your right.",
    "Mix {food} with {food}, wait {minute} minutes, and serve it warm.",
    # numbers
    "The train to {town} leaves at {hour} {minute}.",
    "It costs {money}.",
    "I paid {money} for this {object}, which is {money} less than last year.",
    "There were {number} {measure} left.",
    "My room number is {digits}.",
    "The code is {digits}.",
    "Chapter {number} begins on page {number}.",
    "She was born on the {ordinal} of {month}, {year}.",
    "The {ordinal} question was harder than the {ordinal}.",
    "It is {number} {measure} from {town} to {town}.",
    "Only {number} of {number} people answered the questions.",
    "Flight number {digits} to {town} is delayed by {minute} minutes.",
    "In {year}, the town had {number} houses, {few} schools, and one church.",
    "About {number} percent of the visitors come from {town}.",
    "Divide {number} by {hour} and add {number}.",
    # questions
    "Did you {do}?",
    "Have you seen my {object}?",
    "What time does {place} open?",
    "Where did {name} go {when}?",
    "How much is {food}?",
    "Why are you so {feeling}?",
    "Could you please {do}?",
    "Would you rather have {food} or {food}?",
    "Who is {activity} at this hour?",
    "How long does it take to get from {place} to {place}?",
    "Do you know whether {name} is still {activity}?",
    "Isn't it {weather}?",
    "Are you free on {day}, or do you have to {do}?",
    "What did {family} think of {subject}?",
    "Is there a {animal} in your {object}?",
    "Really?",
    "Which one is yours, the {ordinal} or the {ordinal}?",
    "Have you ever been to {town} in {month}?",
    # dialogue
    "{yes}, I can {do}.",
    "{no}, I'm still {activity}.",
    "{yes}. See you at {place}.",
    "{no}, because {reason}.",
    "Can you {do}? {yes}.",
    "Did {name} {do}? {no}, {reason}.",
    "Are you {feeling}? {no}, just a little {feeling}.",
    "Hello, this is {name}. I'm calling about {subject}.",
    "Good morning, {name}. How was {subject}?",
    "I'm sorry, I didn't catch that. Did you say {number}?",
    '"I can\'t {do}," {said}, "because {reason}."',
    '"Where is the {object}?" {said}.',
    "{said} that {subject} was {quality}.",
    "What a surprise, {name}!",
    "Congratulations! You must be {feeling}.",
    "Watch out, {name}, there's a {animal} behind you!",
    "{name}, wait! You {verb} your {object}!",
    "So, what do you want to do {when}? Shall we go to {place}, or would you like to {do}?",
    "Excuse me, is this the way to {place}? {yes}, it's only {few} {measure} from here.",
)

HELD_OUT_PATTERNS: Sequence[str] = (
    "I can't believe {name} sold the {object} for {money}.",
    "Whenever {family} goes to {place}, it starts {weather}.",
    "Could you tell {name} to {do} as soon as possible?",
    "Between {hour} and {hour}, we were {activity}.",
    "Bring {food} and {few} friends to {place} on {day}.",
    "The {animal} and the {animal} have become good friends, and nobody was more {feeling} about it than {family}.",
    "In the {ordinal} week of {month}, {who} decided to give up {activity} and move to {town} for {few} years.",
    "How did {name} know that {reason}?",
    "{opener}, I would have called you {when}, but {reason}, and then I had to {do} before I could leave.",
    "Is {subject} really {quality}? {no}.",
    "Your {object} is {quality}, {name}.",
    "Ask {name}.",
)

HELD_OUT_SENTENCES: Sequence[str] = tuple(
    line.strip()
    for line in """
    The bakery opens before the sun comes up.
    She folded the letter twice and slid it under the door.
    Rivers freeze from the edges toward the middle.
    Nobody had expected the judge to laugh.
    What would you take with you if the house were on fire?
    We watched the fireworks from the roof until our hands were cold.
    A good question is worth more than a quick answer.
    He speaks five languages, but he sings in only one.
    The elevator stopped between the eighth floor and the ninth.
    Please don't touch the paint; it hasn't dried yet.
    My grandmother kept every birthday card that she ever received.
    Why does the moon look so much larger when it is close to the horizon?
    The orchestra tuned for almost a minute before the conductor raised her hand.
    Could I have the bill, please?
    They planted forty trees along the road that leads to the lighthouse.
    It was a joke.
    The thief returned the painting with a note that said it looked better on television.
    Honey never spoils if you keep the jar closed.
    Both twins claimed that the other one had started it.
    Somewhere behind the hills, a dog was barking at the thunder.
    Seven of the nine windows faced north.
    Isn't that your umbrella?
    You can borrow the boat as long as you bring it back with a full tank.
    Old maps show a village where the lake is now.
    Her voice was so quiet that the whole room leaned forward to hear it.
    Good evening, and welcome aboard.
    The recipe calls for three eggs, a cup of flour, and far more patience than I have.
    Every Thursday the library stays open until midnight.
    I promise.
    He measured the shelf, sawed the board, and discovered that he had measured the wrong shelf.
    """.strip().splitlines()
)

LONG_HELD_OUT: Sequence[str] = tuple(
    line.strip()
    for line in """
    When the last guest had finally gone home, we sat down in the kitchen and ate what was left of the cake.
    The old captain told the children that the whale had followed his ship for three days before it vanished again.
    If you walk along the river for about ten minutes, you will see a small yellow house with a garden full of bees.
    She had studied the map all night long, and yet she took the wrong road at the very first corner she reached.
    Because the heating had failed in January, the whole orchestra played in coats and in woolen gloves until the end.
    My neighbor grows tomatoes on his balcony every summer and gives most of them away before they are properly ripe.
    The museum on the hill was closed for years, but they say that it will open again at the end of spring.
    He put the kettle on, fed the cat, opened the window, and only then remembered why he had come downstairs so early.
    """.strip().splitlines()
)


def fill(pattern: str, rng: random.Random) -> str:
    """Put a phrase in each slot of a pattern; begin each sentence with a capital.

    Args:
        pattern: of `PATTERNS`, say.
        rng: draws the phrases.
    """
    while _SLOT.search(pattern):
        pattern = _SLOT.sub(lambda slot: rng.choice(PHRASES[slot[1]]), pattern, count=1)
    return re.sub(r"(^\"?|[.?!] )([a-z])", lambda found: found[1] + found[2].upper(), pattern)


def everyday_sentence(rng: random.Random) -> str:
    """Draw one text that training may see: 1 to about 30 words, at times two sentences."""
    return fill(rng.choice(PATTERNS), rng)


def held_out_everyday(count: int, seed: int) -> list[str]:
    """Distinct texts of patterns that training does not know."""
    rng = random.Random(seed)
    texts: dict[str, None] = {}
    while len(texts) < count:
        texts[fill(rng.choice(HELD_OUT_PATTERNS), rng)] = None
    return list(texts)
