"""The prompts of smollm2_greedy.py: 64 plain texts, of 5 to 60 tokens and many kinds."""

TEXTS = [
    # Beginnings of sentences.
    "The capital of France is",
    "Once upon a time there",
    "Water boils at a temperature",
    "My favourite season is autumn because",
    "The three primary colours are red,",
    "In the year 1969, humans first",
    "Photosynthesis is the process by which plants",
    "The largest planet in the solar system is",
    "She opened the old wooden box and found",
    "The main difference between a cat and a dog is",
    "Shakespeare wrote many plays, the most famous of which is",
    "If it rains tomorrow, the football match will",
    "The best way to learn a new language is to",
    "Gravity pulls objects towards the centre of the Earth, and so",
    # Prose.
    "The old lighthouse keeper climbed the stairs every evening at dusk. He carried a lantern in"
    " one hand and a book in the other, and when he reached the top he would",
    "It was a cold morning in November. The streets were empty, and the only sound was that of a"
    " distant train. Anna pulled her coat tighter and",
    "Bread is made from four simple ingredients: flour, water, salt and yeast. To bake a loaf at"
    " home, first mix the flour and the salt in a large bowl, then",
    "The Roman Empire reached its greatest extent under Trajan in the year 117. After his death,"
    " his successor Hadrian gave up some of the conquered lands in the east, travelled through"
    " nearly all of the provinces, and in the north of Britain he ordered his soldiers to build",
    "A hash table stores pairs of keys and values. To find a value, the table computes a hash of"
    " the key, which tells it in which bucket to look. When two keys fall into the same bucket,",
    "Bees live in colonies of many thousand workers, a few hundred drones and one queen. The"
    " workers gather nectar, build the comb, feed the young and guard the entrance. The queen lays"
    " all the eggs. In winter the bees",
    "Dear Mr. Thompson,\n\nThank you for your letter of 3 March. I am writing to let you know that"
    " your application has been",
    "Breaking news: a small town in Norway has elected a dog as its mayor. According to the local"
    " paper, the",
    # Questions.
    "What is the speed of light?",
    "Who painted the Mona Lisa?",
    "Why is the sky blue?",
    "Question: How many legs does a spider have?\nAnswer:",
    "Q: What is the chemical symbol for gold?\nA:",
    "Is a tomato a fruit or a vegetable? Explain in one sentence.",
    "Q: Which is heavier, a kilogram of feathers or a kilogram of iron?\nA:",
    "Name a famous scientist and say what he or she discovered.\n",
    # Arithmetic.
    "2 + 2 =",
    "7 x 8 =",
    "23 + 45 = 68\n12 + 31 = 43\n54 + 22 =",
    "1, 2, 4, 8, 16,",
    "100 - 37 =",
    "3 + 4 = 7\n5 + 1 = 6\n8 + 2 = 10\n6 + 6 =",
    "Tom has 12 apples. He gives 5 of them to Mary and eats 2 himself. Then his aunt brings a"
    " basket with 10 apples more. How many apples does he have now? Let us think step by step.",
    "A train travels 60 miles in 1 hour and 30 minutes. Its average speed is",
    "Work modulo 10: 4 plus 7 plus 1 max 5 times 3 gap 8 minus 2 plus 9 times 6\nSteps:\n",
    "The password is silver falcon.\nWork modulo 10: 3 times 7 gap 9 plus 4 max 6\nSteps:\n",
    # Programs and data.
    "def fibonacci(n):\n",
    'def is_prime(n):\n    """Return True if n is prime."""\n',
    "for i in range(10):\n    print(",
    "fn main() {\n    let numbers = vec![1, 2, 3];\n    for number in &numbers {\n",
    "SELECT name, age FROM users WHERE",
    "<html>\n<head>\n<title>My page</title>\n</head>\n<body>\n",
    '{"name": "Alice", "age": 30, "city": "Paris"}\n{"name": "Bob", "age":',
    "#include <stdio.h>\n\nint main(void) {\n    printf(",
    "| Country | Capital |\n|---|---|\n| Italy | Rome |\n| Spain | Madrid |\n| Germany |",
    "import numpy as np\n\ndef softmax(x):\n    e = np.exp(x - x.max())\n    return",
    "$ git status\nOn branch main\n",
    # Lists and patterns.
    "Monday, Tuesday, Wednesday,",
    "Shopping list:\n- milk\n- eggs\n- bread\n-",
    "hot is to cold as up is to",
    "Step 1: Open the box.\nStep 2: Remove the parts.\nStep 3:",
    "red -> rouge\nblue -> bleu\ngreen -> vert\nblack ->",
    "Roses are red,\nViolets are blue,\n",
    # Other languages and scripts.
    "Bonjour, je m'appelle",
    "Der schnelle braune Fuchs springt über",
    "La vida es como una caja de",
    "Émile Zola naquit à Paris le 2 avril 1840 — son père était",
    # Conversations, as the model was taught them.
    "<|im_start|>user\nWhat is 23 + 45?<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging"
    " Face<|im_end|>\n<|im_start|>user\nHello! Please tell me a joke about computers, and then"
    " explain in one sentence why it is funny.<|im_end|>\n<|im_start|>assistant\n",
    "<|im_start|>user\nWrite a haiku about the sea.<|im_end|>\n<|im_start|>assistant\n",
]
