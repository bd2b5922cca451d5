from google.protobuf import json_format

from pilot.generators.envoy import sds

AGENT = {
    "apiConfigSource": {
        "apiType": "GRPC",
        "grpcServices": [{"envoyGrpc": {"clusterName": "sds-grpc"}}],
        "setNodeOnFirstMessageOnly": True,
        "transportApiVersion": "V3",
    },
    "resourceApiVersion": "V3",
}


def test_the_workload_certificate_comes_from_the_agent_and_is_waited_for() -> None:
    assert json_format.MessageToDict(sds.WORKLOAD_CERTIFICATE) == {
        "name": "default",
        "sdsConfig": {**AGENT, "initialFetchTimeout": "0s"},
    }
    assert sds.WORKLOAD_ROOTS.name == "ROOTCA"


def test_files_are_served_by_the_agent_under_names_made_of_their_paths() -> None:
    made = sds.file_certificate("/c.pem", "/k.pem")

    assert json_format.MessageToDict(made) == {"name": "file-cert:/c.pem~/k.pem", "sdsConfig": AGENT}
    assert sds.file_roots("/ca.pem").name == "file-root:/ca.pem"


def test_no_root_file_means_the_roots_of_the_operating_system() -> None:
    assert sds.file_roots("").name == "file-root:system"


def test_files_come_from_their_own_socket_where_the_agent_has_one() -> None:
    source = sds.file_roots("/ca.pem", own_socket=True).sds_config.api_config_source

    assert source.grpc_services[0].envoy_grpc.cluster_name == "sds-files-grpc"


def test_a_credential_comes_over_ads() -> None:
    assert json_format.MessageToDict(sds.credential("kubernetes://web-tls")) == {
        "name": "kubernetes://web-tls",
        "sdsConfig": {"ads": {}, "resourceApiVersion": "V3"},
    }


def test_a_credential_of_the_workloads_own_socket_is_fetched_there() -> None:
    source = sds.credential("sds://web", external_socket=True).sds_config.api_config_source

    assert source.grpc_services[0].envoy_grpc.cluster_name == "sds-external"
    assert sds.credential("sds://web").sds_config.WhichOneof("config_source_specifier") == "ads"
    assert sds.credential("kubernetes://web", external_socket=True).sds_config.HasField("ads")
