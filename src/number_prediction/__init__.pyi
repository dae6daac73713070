# The public names, each once; `__init__.py` loads a name's module when it is first used.

from .constraints.checksums import iban_digits as iban_digits
from .constraints.checksums import isbn as isbn
from .constraints.checksums import luhn as luhn
from .constraints.constraint import Constraint as Constraint
from .constraints.constraint import length as length
from .constraints.constraint import one_of as one_of
from .constraints.constraint import regex as regex
from .constraints.constraint import satisfies as satisfies
from .constraints.values import decimals as decimals
from .constraints.values import number_range as number_range
from .constraints.values import parse_number as parse_number
from .datasets.load import load_dataset as load_dataset
from .datasets.mnist import load_mnist as load_mnist
from .datasets.split import Split as Split
from .datasets.split import Splits as Splits
from .decoding.assignment import AssignedReading as AssignedReading
from .decoding.assignment import Assignment as Assignment
from .decoding.assignment import assign as assign
from .decoding.reading import GlyphReading as GlyphReading
from .decoding.reading import Reading as Reading
from .decoding.search import decode as decode
from .digits.prediction import DigitPrediction as DigitPrediction
from .digits.predictor import Predictor as Predictor
from .errors import ConstraintError as ConstraintError
from .errors import DataError as DataError
from .errors import ImageError as ImageError
from .errors import MissingExtraError as MissingExtraError
from .errors import ModelError as ModelError
from .errors import NumberPredictionError as NumberPredictionError
from .errors import TrainingError as TrainingError
from .evaluation.digits import Evaluation as Evaluation
from .evaluation.digits import evaluate as evaluate
from .forms.form import FormReading as FormReading
from .forms.form import read_form as read_form
from .forms.template import FormTemplate as FormTemplate
from .forms.template import load_form as load_form
from .images.geometry import Box as Box
from .images.sources import iterate_pages as iterate_pages
from .numbers.page import PageNumber as PageNumber
from .numbers.page import PageReading as PageReading
from .numbers.page import predict_page as predict_page
from .numbers.prediction import NumberGlyph as NumberGlyph
from .numbers.prediction import NumberPrediction as NumberPrediction
from .numbers.predictor import NumberPredictor as NumberPredictor

__version__: str
