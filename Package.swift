// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is compiled with: Swift 6 mode, and no warning survives.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// Targets that only turn bytes into meaning: no C, no sockets, no unsafe code.
let pure: [SwiftSetting] = strict + [.strictMemorySafety()]

let package = Package(
    name: "sallyport",
    products: [
        .executable(name: "sallyport", targets: ["sallyport"]),
        .executable(name: "sallyport-bench", targets: ["sallyport-bench"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries, and the only C of our own.
        .systemLibrary(name: "CEvent", pkgConfig: "libevent", providers: [.apt(["libevent-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CSRTP", pkgConfig: "libsrtp2", providers: [.apt(["libsrtp2-dev"])]),
        .systemLibrary(name: "CAres", pkgConfig: "libcares", providers: [.apt(["libc-ares-dev"])]),
        .target(name: "CShims"),

        // Plain values and protocols: bytes in, meaning out.
        .target(name: "NetworkTypes", swiftSettings: pure),
        .target(name: "SIP", dependencies: ["NetworkTypes"], swiftSettings: pure),
        .target(name: "SDP", dependencies: ["NetworkTypes"], swiftSettings: pure),
        .target(name: "RTP", dependencies: ["NetworkTypes"], swiftSettings: pure),
        .target(name: "DNS", dependencies: ["NetworkTypes"], swiftSettings: pure),
        .target(name: "STUN", dependencies: ["NetworkTypes"], swiftSettings: pure),
        .target(name: "SRTP", dependencies: ["NetworkTypes", "COpenSSL", "CSRTP"], swiftSettings: strict),
        .target(name: "TLS", dependencies: ["COpenSSL", "NetworkTypes"], swiftSettings: strict),
        .target(name: "DTLS", dependencies: ["COpenSSL", "NetworkTypes"], swiftSettings: strict),

        // Policy: decisions without I/O.
        .target(name: "OutboundProxy", dependencies: ["NetworkTypes", "SIP", "STUN"], swiftSettings: pure),
        .target(
            name: "MediaRelay", dependencies: ["DTLS", "NetworkTypes", "SDP", "RTP", "SRTP", "STUN"],
            swiftSettings: pure),

        // The outside world.
        .target(name: "Reactor", dependencies: ["CEvent", "CShims", "NetworkTypes"], swiftSettings: strict),
        .target(
            name: "Resolver", dependencies: ["CAres", "CShims", "DNS", "NetworkTypes", "Reactor"], swiftSettings: strict
        ),
        .target(
            name: "Config",
            dependencies: ["NetworkTypes", "TLS", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(name: "Admin", dependencies: ["CEvent", "CShims", "NetworkTypes", "Reactor"], swiftSettings: strict),

        // The only place that sees cores and sockets together.
        .executableTarget(
            name: "sallyport",
            dependencies: [
                "NetworkTypes", "SIP", "DNS", "SRTP", "TLS", "OutboundProxy", "MediaRelay", "Reactor", "Resolver",
                "Config",
                "Admin",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(name: "CBench", path: "Bench/CBench"),
        .executableTarget(
            name: "sallyport-bench",
            dependencies: [
                "NetworkTypes", "CShims", "CBench", "SDP", "SRTP",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Bench/sallyport-bench",
            swiftSettings: strict),

        .executableTarget(
            name: "RelayBench",
            dependencies: ["CAllocationCounter", "CShims", "MediaRelay", "NetworkTypes"],
            path: "Bench/RelayBench",
            swiftSettings: strict),
        .executableTarget(
            name: "SRTPBench", dependencies: ["CAllocationCounter", "NetworkTypes", "SRTP"], path: "Bench/SRTPBench",
            swiftSettings: strict),
        .executableTarget(
            name: "ParserBench", dependencies: ["CAllocationCounter", "SIP"], path: "Bench/ParserBench",
            swiftSettings: strict),
        .executableTarget(
            name: "CallBench", dependencies: ["CAllocationCounter", "NetworkTypes", "OutboundProxy", "TLS"],
            path: "Bench/CallBench", swiftSettings: strict),
        .executableTarget(
            name: "ResolverBench",
            dependencies: ["CAllocationCounter", "DNS", "NetworkTypes", "Reactor", "Resolver"],
            path: "Bench/ResolverBench", swiftSettings: strict),
        .target(name: "CAllocationCounter", path: "Bench/CAllocationCounter"),

        .target(
            name: "TestSupport", dependencies: ["CAllocationCounter", "NetworkTypes"], path: "Tests/TestSupport",
            swiftSettings: strict),
        // What must hold for any input: the body of the fuzz targets, and of the replay of what they have found.
        .target(
            name: "FuzzChecks",
            dependencies: ["DTLS", "MediaRelay", "NetworkTypes", "OutboundProxy", "SDP", "SIP", "SRTP", "STUN", "TLS"],
            path: "Tests/Fuzz/Checks", swiftSettings: pure),
        .testTarget(name: "NetworkTypesTests", dependencies: ["NetworkTypes", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "SIPTests", dependencies: ["FuzzChecks", "SIP", "NetworkTypes", "TestSupport"],
            swiftSettings: strict),
        .testTarget(name: "SDPTests", dependencies: ["SDP", "NetworkTypes", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "STUNTests", dependencies: ["NetworkTypes", "SRTP", "STUN", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "RTPTests", dependencies: ["RTP", "NetworkTypes", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "SRTPTests", dependencies: ["SRTP", "NetworkTypes", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "DTLSTests", dependencies: ["DTLS", "NetworkTypes"], swiftSettings: strict),
        .testTarget(
            name: "TLSTests", dependencies: ["TLS", "COpenSSL", "NetworkTypes", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "OutboundProxyTests",
            dependencies: ["OutboundProxy", "SIP", "TLS", "NetworkTypes", "Reactor", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "MediaRelayTests",
            dependencies: [
                "CAllocationCounter", "MediaRelay", "SDP", "RTP", "SRTP", "STUN", "NetworkTypes", "TestSupport",
            ],
            swiftSettings: strict),
        .testTarget(
            name: "ReactorTests", dependencies: ["Reactor", "NetworkTypes", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "DNSTests", dependencies: ["DNS", "NetworkTypes", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "ResolverTests", dependencies: ["DNS", "NetworkTypes", "Reactor", "Resolver", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "ConfigTests",
            dependencies: ["Config", "NetworkTypes", "TLS", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "AdminTests", dependencies: ["Admin", "Reactor", "NetworkTypes", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "StateTests",
            dependencies: ["sallyport", "OutboundProxy", "NetworkTypes", "Reactor", "TLS", "TestSupport"],
            swiftSettings: strict),
        .testTarget(
            name: "BenchTests", dependencies: ["sallyport-bench", "NetworkTypes"], swiftSettings: strict),
        .testTarget(
            name: "CommandLineTests",
            dependencies: [
                "sallyport", "Config", "NetworkTypes", "OutboundProxy", "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["sallyport", "OutboundProxy", "MediaRelay", "TLS", "NetworkTypes"],
            path: "Tests/Simulation", swiftSettings: strict),
        .testTarget(
            name: "EndToEnd",
            dependencies: [
                "NetworkTypes", "CShims", "COpenSSL", "DTLS", "MediaRelay", "SDP", "SRTP", "TLS", "Reactor", "Config",
                "Admin",
                "TestSupport", "sallyport", "sallyport-bench", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/EndToEnd", swiftSettings: strict),
    ]
)

// Fuzz targets (Tests/Fuzz/run): libFuzzer brings the main function, so nothing else can be built along with them.
if Context.environment["SALLYPORT_FUZZ"] != nil {
    for name in [
        "FuzzMessage", "FuzzStream", "FuzzURI", "FuzzSDP", "FuzzProxy", "FuzzRelay", "FuzzSRTP", "FuzzCrypto",
        "FuzzTLS", "FuzzDTLS", "FuzzSTUN",
    ] {
        package.targets.append(
            .executableTarget(
                name: name, dependencies: ["FuzzChecks"], path: "Tests/Fuzz/\(name)",
                swiftSettings: strict + [.unsafeFlags(["-parse-as-library"])]))
    }
}
