// Code generated from native.libsonnet by the test of this package; DO NOT EDIT.

package trees

import "github.com/google/go-jsonnet/ast"

// Native is the tree of native.libsonnet. Its places are in no file.
var Native ast.Node = &ast.Local{
	Binds: ast.LocalBinds{
		{
			Body: &ast.Index{
				Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
				Index:    &ast.LiteralString{Value: "native", Kind: 1},
				NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
			},
			Variable: "go",
		},
	},
	Body: &ast.Local{
		Binds: ast.LocalBinds{
			{
				Body: &ast.Function{
					Body: &ast.Local{
						Binds: ast.LocalBinds{
							{
								Body: &ast.Conditional{
									Cond: &ast.Var{Id: "cache", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache"}}},
									BranchTrue: &ast.Apply{
										Target: &ast.Apply{
											Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
											Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "kept", Kind: 1}}}},
											NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
										Arguments: ast.Arguments{
											Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "arguments", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"arguments"}}}}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"arguments", "go"}},
									},
									BranchFalse: &ast.DesugaredObject{Locals: ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}}},
									NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"arguments", "cache", "go"}},
								},
								Variable: "before",
							},
						},
						Body: &ast.Conditional{
							Cond: &ast.Apply{
								Target: &ast.Index{
									Target:   &ast.Var{Id: "$std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}}},
									Index:    &ast.LiteralString{Value: "objectHasAll", Kind: 1},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}},
								},
								Arguments: ast.Arguments{
									Positional: []ast.CommaSeparatedExpr{
										{Expr: &ast.Var{Id: "before", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"before"}}}},
										{Expr: &ast.LiteralString{Value: "value", Kind: 1}},
									},
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "before"}},
							},
							BranchTrue: &ast.Index{
								Target:   &ast.Var{Id: "before", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"before"}}},
								Index:    &ast.LiteralString{Value: "value", Kind: 1},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"before"}},
							},
							BranchFalse: &ast.Local{
								Binds: ast.LocalBinds{
									{
										Body: &ast.Conditional{
											Cond: &ast.Apply{
												Target: &ast.Index{
													Target:   &ast.Var{Id: "$std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}}},
													Index:    &ast.LiteralString{Value: "objectHasAll", Kind: 1},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}},
												},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{Expr: &ast.Var{Id: "answer", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"answer"}}}},
														{Expr: &ast.LiteralString{Value: "value", Kind: 1}},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "answer"}},
											},
											BranchTrue: &ast.Index{
												Target:   &ast.Var{Id: "answer", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"answer"}}},
												Index:    &ast.LiteralString{Value: "value", Kind: 1},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"answer"}},
											},
											BranchFalse: &ast.Conditional{
												Cond: &ast.Binary{
													Right:    &ast.LiteralNull{},
													Left:     &ast.Var{Id: "fallback", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}}},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}},
													Op:       13,
												},
												BranchTrue: &ast.Var{Id: "fallback", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}}},
												BranchFalse: &ast.Error{
													Expr: &ast.Index{
														Target:   &ast.Var{Id: "answer", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"answer"}}},
														Index:    &ast.LiteralString{Value: "missing", Kind: 1},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"answer"}},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"answer"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"answer", "fallback"}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "answer", "fallback"}},
										},
										Variable: "value",
									},
								},
								Body: &ast.Conditional{
									Cond: &ast.Var{Id: "cache", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache"}}},
									BranchTrue: &ast.Apply{
										Target: &ast.Apply{
											Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
											Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "keep", Kind: 1}}}},
											NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
										Arguments: ast.Arguments{
											Positional: []ast.CommaSeparatedExpr{
												{Expr: &ast.Var{Id: "arguments", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"arguments"}}}},
												{Expr: &ast.Var{Id: "value", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"value"}}}},
											},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"arguments", "go", "value"}},
									},
									BranchFalse: &ast.Var{Id: "value", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"value"}}},
									NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"arguments", "cache", "go", "value"}},
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "answer", "arguments", "cache", "fallback", "go"}},
							},
							NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "answer", "arguments", "before", "cache", "fallback", "go"}},
						},
						NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "answer", "arguments", "cache", "fallback", "go"}},
					},
					Parameters: []ast.Parameter{{Name: "arguments"}, {Name: "cache"}, {Name: "answer"}, {Name: "fallback"}},
					NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"$std", "go"}},
				},
				Variable: "kept",
			},
		},
		Body: &ast.Local{
			Binds: ast.LocalBinds{
				{
					Body: &ast.Function{
						Body: &ast.Conditional{
							Cond: &ast.Unary{
								Expr: &ast.Apply{
									Target: &ast.Index{
										Target:   &ast.Var{Id: "$std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}}},
										Index:    &ast.LiteralString{Value: "objectHasAll", Kind: 1},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}},
									},
									Arguments: ast.Arguments{
										Positional: []ast.CommaSeparatedExpr{
											{Expr: &ast.Var{Id: "found", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}}}},
											{Expr: &ast.LiteralString{Value: "value", Kind: 1}},
										},
									},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "found"}},
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "found"}},
							},
							BranchTrue: &ast.DesugaredObject{Locals: ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}}},
							BranchFalse: &ast.Conditional{
								Cond: &ast.Binary{
									Right: &ast.Apply{
										Target: &ast.Index{
											Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
											Index:    &ast.LiteralString{Value: "objectHasAll", Kind: 1},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
										},
										Arguments: ast.Arguments{
											Positional: []ast.CommaSeparatedExpr{
												{
													Expr: &ast.Index{
														Target:   &ast.Var{Id: "found", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}}},
														Index:    &ast.LiteralString{Value: "value", Kind: 1},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}},
													},
												},
												{Expr: &ast.Var{Id: "step", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"step"}}}},
											},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
									},
									Left: &ast.Binary{
										Right: &ast.Apply{
											Target: &ast.Index{
												Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
												Index:    &ast.LiteralString{Value: "isString", Kind: 1},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
											},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "step", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"step"}}}}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std", "step"}},
										},
										Left: &ast.Apply{
											Target: &ast.Index{
												Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
												Index:    &ast.LiteralString{Value: "isObject", Kind: 1},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
											},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{
													{
														Expr: &ast.Index{
															Target:   &ast.Var{Id: "found", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}}},
															Index:    &ast.LiteralString{Value: "value", Kind: 1},
															NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}},
														},
													},
												},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std"}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
										Op:       17,
									},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
									Op:       17,
								},
								BranchTrue: &ast.DesugaredObject{
									Fields: ast.DesugaredObjectFields{
										{
											Name: &ast.LiteralString{Value: "value", Kind: 1},
											Body: &ast.Index{
												Target: &ast.Index{
													Target:   &ast.Var{Id: "found", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}}},
													Index:    &ast.LiteralString{Value: "value", Kind: 1},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}},
												},
												Index:    &ast.Var{Id: "step", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"step"}}},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "step"}},
											},
											Hide: 1,
										},
									},
									Locals:   ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "step"}},
								},
								BranchFalse: &ast.Conditional{
									Cond: &ast.Binary{
										Right: &ast.Apply{
											Target: &ast.Index{
												Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
												Index:    &ast.LiteralString{Value: "isNumber", Kind: 1},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
											},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "step", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"step"}}}}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std", "step"}},
										},
										Left: &ast.Apply{
											Target: &ast.Index{
												Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
												Index:    &ast.LiteralString{Value: "isArray", Kind: 1},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
											},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{
													{
														Expr: &ast.Index{
															Target:   &ast.Var{Id: "found", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}}},
															Index:    &ast.LiteralString{Value: "value", Kind: 1},
															NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}},
														},
													},
												},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std"}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
										Op:       17,
									},
									BranchTrue: &ast.Local{
										Binds: ast.LocalBinds{
											{
												Body: &ast.Conditional{
													Cond: &ast.Binary{
														Right:    &ast.LiteralNumber{OriginalString: "0"},
														Left:     &ast.Var{Id: "step", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"step"}}},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"step"}},
														Op:       9,
													},
													BranchTrue: &ast.Binary{
														Right: &ast.Var{Id: "step", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"step"}}},
														Left: &ast.Apply{
															Target: &ast.Index{
																Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
																Index:    &ast.LiteralString{Value: "length", Kind: 1},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
															},
															Arguments: ast.Arguments{
																Positional: []ast.CommaSeparatedExpr{
																	{
																		Expr: &ast.Index{
																			Target:   &ast.Var{Id: "found", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}}},
																			Index:    &ast.LiteralString{Value: "value", Kind: 1},
																			NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}},
																		},
																	},
																},
															},
															NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std"}},
														},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
														Op:       3,
													},
													BranchFalse: &ast.Var{Id: "step", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"step"}}},
													NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
												},
												Variable: "at",
											},
										},
										Body: &ast.Conditional{
											Cond: &ast.Binary{
												Right: &ast.Binary{
													Right: &ast.Apply{
														Target: &ast.Index{
															Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
															Index:    &ast.LiteralString{Value: "length", Kind: 1},
															NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
														},
														Arguments: ast.Arguments{
															Positional: []ast.CommaSeparatedExpr{
																{
																	Expr: &ast.Index{
																		Target:   &ast.Var{Id: "found", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}}},
																		Index:    &ast.LiteralString{Value: "value", Kind: 1},
																		NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}},
																	},
																},
															},
														},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std"}},
													},
													Left:     &ast.Var{Id: "at", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"at"}}},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"at", "found", "std"}},
													Op:       9,
												},
												Left: &ast.Binary{
													Right:    &ast.LiteralNumber{OriginalString: "0"},
													Left:     &ast.Var{Id: "at", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"at"}}},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"at"}},
													Op:       8,
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"at", "found", "std"}},
												Op:       17,
											},
											BranchTrue: &ast.DesugaredObject{
												Fields: ast.DesugaredObjectFields{
													{
														Name: &ast.LiteralString{Value: "value", Kind: 1},
														Body: &ast.Index{
															Target: &ast.Index{
																Target:   &ast.Var{Id: "found", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}}},
																Index:    &ast.LiteralString{Value: "value", Kind: 1},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found"}},
															},
															Index:    &ast.Var{Id: "at", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"at"}}},
															NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"at", "found"}},
														},
														Hide: 1,
													},
												},
												Locals:   ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"at", "found"}},
											},
											BranchFalse: &ast.DesugaredObject{Locals: ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}}},
											NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"at", "found", "std"}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
									},
									BranchFalse: &ast.DesugaredObject{Locals: ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}}},
									NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"found", "std", "step"}},
							},
							NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "found", "std", "step"}},
						},
						Parameters: []ast.Parameter{{Name: "found"}, {Name: "step"}},
						NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"$std", "std"}},
					},
					Variable: "member",
				},
			},
			Body: &ast.Local{
				Binds: ast.LocalBinds{
					{
						Body: &ast.Function{
							Body: &ast.Apply{
								Target: &ast.Index{
									Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
									Index:    &ast.LiteralString{Value: "foldl", Kind: 1},
									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
								},
								Arguments: ast.Arguments{
									Positional: []ast.CommaSeparatedExpr{
										{Expr: &ast.Var{Id: "member", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"member"}}}},
										{
											Expr: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "path", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "path", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}}}}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "path"}},
											},
										},
										{
											Expr: &ast.DesugaredObject{
												Fields: ast.DesugaredObjectFields{
													{
														Name: &ast.LiteralString{Value: "value", Kind: 1},
														Body: &ast.Var{Id: "object", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"object"}}},
														Hide: 1,
													},
												},
												Locals:   ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"object"}},
											},
										},
									},
								},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "member", "object", "path", "std"}},
							},
							Parameters: []ast.Parameter{{Name: "object"}, {Name: "path"}},
							NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"go", "member", "std"}},
						},
						Variable: "member_at",
					},
				},
				Body: &ast.Local{
					Binds: ast.LocalBinds{
						{
							Body: &ast.DesugaredObject{
								Fields: ast.DesugaredObjectFields{
									{
										Name: &ast.LiteralString{Value: "getArch", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getArch", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "getCmd", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Var{Id: "kept", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kept"}}},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{
															Expr: &ast.Array{
																Elements: []ast.CommaSeparatedExpr{
																	{Expr: &ast.LiteralString{Value: "getCmd", Kind: 1}},
																	{Expr: &ast.Var{Id: "command", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"command"}}}},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"command"}},
															},
														},
														{Expr: &ast.Var{Id: "cache", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache"}}}},
														{
															Expr: &ast.Apply{
																Target: &ast.Apply{
																	Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
																	Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getCmd", Kind: 1}}}},
																	NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
																},
																Arguments: ast.Arguments{
																	Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "command", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"command"}}}}},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"command", "go"}},
															},
														},
														{Expr: &ast.Var{Id: "fallback", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}}}},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache", "command", "fallback", "go", "kept"}},
											},
											Parameters: []ast.Parameter{
												{Name: "command"},
												{Name: "fallback", DefaultArg: &ast.LiteralNull{}},
												{Name: "cache", DefaultArg: &ast.LiteralBoolean{}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "kept"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "getConfig", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getConfig", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "getEnv", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Var{Id: "kept", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kept"}}},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{
															Expr: &ast.Array{
																Elements: []ast.CommaSeparatedExpr{
																	{Expr: &ast.LiteralString{Value: "getEnv", Kind: 1}},
																	{Expr: &ast.Var{Id: "key", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}}}},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}},
															},
														},
														{Expr: &ast.Var{Id: "cache", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache"}}}},
														{
															Expr: &ast.Apply{
																Target: &ast.Apply{
																	Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
																	Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getEnv", Kind: 1}}}},
																	NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
																},
																Arguments: ast.Arguments{
																	Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "key", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"key"}}}}},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "key"}},
															},
														},
														{
															Expr: &ast.Conditional{
																Cond: &ast.Binary{
																	Right:    &ast.LiteralNull{},
																	Left:     &ast.Var{Id: "fallback", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}}},
																	NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}},
																	Op:       12,
																},
																BranchTrue:  &ast.LiteralString{Kind: 1},
																BranchFalse: &ast.Var{Id: "fallback", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}}},
																NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}},
															},
														},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache", "fallback", "go", "kept", "key"}},
											},
											Parameters: []ast.Parameter{
												{Name: "key"},
												{Name: "fallback", DefaultArg: &ast.LiteralNull{}},
												{Name: "cache", DefaultArg: &ast.LiteralBoolean{}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "kept"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "getFile", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Var{Id: "kept", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kept"}}},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{
															Expr: &ast.Array{
																Elements: []ast.CommaSeparatedExpr{
																	{Expr: &ast.LiteralString{Value: "getFile", Kind: 1}},
																	{Expr: &ast.Var{Id: "path", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}}}},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}},
															},
														},
														{Expr: &ast.Var{Id: "cache", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache"}}}},
														{
															Expr: &ast.Apply{
																Target: &ast.Apply{
																	Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
																	Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getFile", Kind: 1}}}},
																	NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
																},
																Arguments: ast.Arguments{
																	Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "path", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}}}}},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "path"}},
															},
														},
														{Expr: &ast.Var{Id: "fallback", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}}}},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache", "fallback", "go", "kept", "path"}},
											},
											Parameters: []ast.Parameter{
												{Name: "path"},
												{Name: "fallback", DefaultArg: &ast.LiteralNull{}},
												{Name: "cache", DefaultArg: &ast.LiteralBoolean{}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "kept"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "getOS", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getOS", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "getPath", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Conditional{
												Cond: &ast.Binary{
													Right:    &ast.LiteralNull{},
													Left:     &ast.Var{Id: "path", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}}},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}},
													Op:       12,
												},
												BranchTrue: &ast.Apply{
													Target: &ast.Apply{
														Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
														Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getPath", Kind: 1}}}},
														NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												BranchFalse: &ast.Apply{
													Target: &ast.Index{Target: &ast.Self{}, Index: &ast.LiteralString{Value: "getFile", Kind: 1}},
													Arguments: ast.Arguments{
														Positional: []ast.CommaSeparatedExpr{
															{Expr: &ast.Var{Id: "path", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}}}},
															{Expr: &ast.Var{Id: "fallback", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}}}},
															{Expr: &ast.Var{Id: "cache", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache"}}}},
														},
													},
													NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache", "fallback", "path"}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache", "fallback", "go", "path"}},
											},
											Parameters: []ast.Parameter{
												{Name: "path", DefaultArg: &ast.LiteralNull{}},
												{Name: "fallback", DefaultArg: &ast.LiteralNull{}},
												{Name: "cache", DefaultArg: &ast.LiteralBoolean{}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "getRecord", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Var{Id: "kept", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kept"}}},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{
															Expr: &ast.Array{
																Elements: []ast.CommaSeparatedExpr{
																	{Expr: &ast.LiteralString{Value: "getRecord", Kind: 1}},
																	{Expr: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}}},
																	{Expr: &ast.Var{Id: "name", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"name"}}}},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"name", "type"}},
															},
														},
														{Expr: &ast.Var{Id: "cache", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache"}}}},
														{
															Expr: &ast.Apply{
																Target: &ast.Apply{
																	Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
																	Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getRecord", Kind: 1}}}},
																	NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
																},
																Arguments: ast.Arguments{
																	Positional: []ast.CommaSeparatedExpr{
																		{Expr: &ast.Var{Id: "type", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"type"}}}},
																		{Expr: &ast.Var{Id: "name", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"name"}}}},
																	},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "name", "type"}},
															},
														},
														{Expr: &ast.Var{Id: "fallback", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"fallback"}}}},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"cache", "fallback", "go", "kept", "name", "type"}},
											},
											Parameters: []ast.Parameter{
												{Name: "type"},
												{Name: "name"},
												{Name: "fallback", DefaultArg: &ast.LiteralNull{}},
												{Name: "cache", DefaultArg: &ast.LiteralBoolean{}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "kept"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "randStr", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "randStr", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "length", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"length"}}}}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "length"}},
											},
											Parameters: []ast.Parameter{{Name: "length"}},
											NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "randString", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "randStr", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "length", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"length"}}}}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "length"}},
											},
											Parameters: []ast.Parameter{{Name: "length"}},
											NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "regexMatch", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "regexMatch", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{Expr: &ast.Var{Id: "regex", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"regex"}}}},
														{Expr: &ast.Var{Id: "string", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"string"}}}},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "regex", "string"}},
											},
											Parameters: []ast.Parameter{{Name: "regex"}, {Name: "string"}},
											NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "render", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "render", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "string", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"string"}}}}},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "string"}},
											},
											Parameters: []ast.Parameter{{Name: "string"}},
											NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "renderTemplate", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Apply{
												Target: &ast.Apply{
													Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
													Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "renderTemplate", Kind: 1}}}},
													NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
												},
												Arguments: ast.Arguments{
													Positional: []ast.CommaSeparatedExpr{
														{Expr: &ast.Var{Id: "template", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"template"}}}},
														{Expr: &ast.Var{Id: "values", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"values"}}}},
													},
												},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "template", "values"}},
											},
											Parameters: []ast.Parameter{{Name: "template"}, {Name: "values"}},
											NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
										},
									},
									{
										Name: &ast.LiteralString{Value: "get", Kind: 1},
										Body: &ast.Function{
											Body: &ast.Local{
												Binds: ast.LocalBinds{
													{
														Body: &ast.Apply{
															Target: &ast.Apply{
																Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
																Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "keeps", Kind: 1}}}},
																NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
															},
															NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
														},
														Variable: "keeps",
													},
												},
												Body: &ast.Conditional{
													Cond: &ast.Binary{
														Right:    &ast.LiteralNull{},
														Left:     &ast.Var{Id: "field", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"field"}}},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"field"}},
														Op:       12,
													},
													BranchTrue: &ast.Local{
														Binds: ast.LocalBinds{
															{
																Body: &ast.Binary{
																	Right: &ast.Conditional{
																		Cond: &ast.Var{Id: "keeps", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"keeps"}}},
																		BranchTrue: &ast.Array{
																			Elements: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "object", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"object"}}}}},
																			NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"object"}},
																		},
																		BranchFalse: &ast.Array{},
																		NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"keeps", "object"}},
																	},
																	Left: &ast.Array{
																		Elements: []ast.CommaSeparatedExpr{
																			{Expr: &ast.LiteralString{Value: "get", Kind: 1}},
																			{Expr: &ast.Var{Id: "path", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}}}},
																		},
																		NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}},
																	},
																	NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"keeps", "object", "path"}},
																	Op:       3,
																},
																Variable: "arguments",
															},
														},
														Body: &ast.Local{
															Binds: ast.LocalBinds{
																{
																	Body: &ast.Apply{
																		Target: &ast.Var{Id: "member_at", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"member_at"}}},
																		Arguments: ast.Arguments{
																			Positional: []ast.CommaSeparatedExpr{
																				{Expr: &ast.Var{Id: "object", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"object"}}}},
																				{Expr: &ast.Var{Id: "path", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"path"}}}},
																			},
																		},
																		NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"member_at", "object", "path"}},
																	},
																	Variable: "now",
																},
															},
															Body: &ast.Apply{
																Target: &ast.Var{Id: "kept", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kept"}}},
																Arguments: ast.Arguments{
																	Positional: []ast.CommaSeparatedExpr{
																		{Expr: &ast.Var{Id: "arguments", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"arguments"}}}},
																		{Expr: &ast.Var{Id: "keeps", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"keeps"}}}},
																		{
																			Expr: &ast.DesugaredObject{
																				Fields: ast.DesugaredObjectFields{
																					{
																						Name: &ast.LiteralString{Value: "value", Kind: 1},
																						Body: &ast.Conditional{
																							Cond: &ast.Apply{
																								Target: &ast.Index{
																									Target:   &ast.Var{Id: "$std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}}},
																									Index:    &ast.LiteralString{Value: "objectHasAll", Kind: 1},
																									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}},
																								},
																								Arguments: ast.Arguments{
																									Positional: []ast.CommaSeparatedExpr{
																										{Expr: &ast.Var{Id: "now", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"now"}}}},
																										{Expr: &ast.LiteralString{Value: "value", Kind: 1}},
																									},
																								},
																								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "now"}},
																							},
																							BranchTrue: &ast.Index{
																								Target:   &ast.Var{Id: "now", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"now"}}},
																								Index:    &ast.LiteralString{Value: "value", Kind: 1},
																								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"now"}},
																							},
																							BranchFalse: &ast.Var{Id: "default", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"default"}}},
																							NodeBase:    ast.NodeBase{FreeVars: ast.Identifiers{"$std", "default", "now"}},
																						},
																						Hide: 1,
																					},
																				},
																				NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "default", "now"}},
																			},
																		},
																		{Expr: &ast.LiteralNull{}},
																	},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "arguments", "default", "keeps", "kept", "now"}},
															},
															NodeBase: ast.NodeBase{
																FreeVars: ast.Identifiers{"$std", "arguments", "default", "keeps", "kept", "member_at", "object", "path"},
															},
														},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "default", "keeps", "kept", "member_at", "object", "path"}},
													},
													BranchFalse: &ast.Local{
														Binds: ast.LocalBinds{
															{
																Body: &ast.Apply{
																	Target: &ast.Var{Id: "member_at", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"member_at"}}},
																	Arguments: ast.Arguments{
																		Positional: []ast.CommaSeparatedExpr{
																			{
																				Expr: &ast.Apply{
																					Target: &ast.Index{
																						Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
																						Index:    &ast.LiteralString{Value: "get", Kind: 1},
																						NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
																					},
																					Arguments: ast.Arguments{
																						Positional: []ast.CommaSeparatedExpr{
																							{
																								Expr: &ast.Apply{
																									Target: &ast.Apply{
																										Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
																										Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "getConfig", Kind: 1}}}},
																										NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
																									},
																									NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
																								},
																							},
																							{Expr: &ast.LiteralString{Value: "vars", Kind: 1}},
																							{Expr: &ast.DesugaredObject{}},
																						},
																					},
																					NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go", "std"}},
																				},
																			},
																			{Expr: &ast.Var{Id: "field", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"field"}}}},
																		},
																	},
																	NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"field", "go", "member_at", "std"}},
																},
																Variable: "now",
															},
														},
														Body: &ast.Conditional{
															Cond: &ast.Apply{
																Target: &ast.Index{
																	Target:   &ast.Var{Id: "$std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}}},
																	Index:    &ast.LiteralString{Value: "objectHasAll", Kind: 1},
																	NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std"}},
																},
																Arguments: ast.Arguments{
																	Positional: []ast.CommaSeparatedExpr{
																		{Expr: &ast.Var{Id: "now", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"now"}}}},
																		{Expr: &ast.LiteralString{Value: "value", Kind: 1}},
																	},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "now"}},
															},
															BranchTrue: &ast.Index{
																Target:   &ast.Var{Id: "now", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"now"}}},
																Index:    &ast.LiteralString{Value: "value", Kind: 1},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"now"}},
															},
															BranchFalse: &ast.Apply{
																Target: &ast.Var{Id: "kept", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"kept"}}},
																Arguments: ast.Arguments{
																	Positional: []ast.CommaSeparatedExpr{
																		{
																			Expr: &ast.Array{
																				Elements: []ast.CommaSeparatedExpr{
																					{Expr: &ast.LiteralString{Value: "get", Kind: 1}},
																					{Expr: &ast.Var{Id: "field", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"field"}}}},
																				},
																				NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"field"}},
																			},
																		},
																		{Expr: &ast.Var{Id: "keeps", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"keeps"}}}},
																		{
																			Expr: &ast.DesugaredObject{
																				Fields: ast.DesugaredObjectFields{
																					{
																						Name: &ast.LiteralString{Value: "value", Kind: 1},
																						Body: &ast.Var{Id: "default", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"default"}}},
																						Hide: 1,
																					},
																				},
																				NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"default"}},
																			},
																		},
																		{Expr: &ast.LiteralNull{}},
																	},
																},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"default", "field", "keeps", "kept"}},
															},
															NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "default", "field", "keeps", "kept", "now"}},
														},
														NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "default", "field", "go", "keeps", "kept", "member_at", "std"}},
													},
													NodeBase: ast.NodeBase{
														FreeVars: ast.Identifiers{"$std", "default", "field", "go", "keeps", "kept", "member_at", "object", "path", "std"},
													},
												},
												NodeBase: ast.NodeBase{
													FreeVars: ast.Identifiers{"$std", "default", "field", "go", "kept", "member_at", "object", "path", "std"},
												},
											},
											Parameters: []ast.Parameter{
												{Name: "object", DefaultArg: &ast.LiteralNull{}},
												{Name: "path", DefaultArg: &ast.LiteralNull{}},
												{Name: "default", DefaultArg: &ast.LiteralNull{}},
												{Name: "field", DefaultArg: &ast.LiteralNull{}},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "go", "kept", "member_at", "std"}},
										},
									},
								},
								Locals:   ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}},
								NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "go", "kept", "member_at", "std"}},
							},
							Variable: "functions",
						},
					},
					Body: &ast.DesugaredObject{
						Fields: ast.DesugaredObjectFields{
							{
								Name: &ast.LiteralString{Value: "native", Kind: 1},
								Body: &ast.Function{
									Body: &ast.Conditional{
										Cond: &ast.Apply{
											Target: &ast.Index{
												Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
												Index:    &ast.LiteralString{Value: "objectHasAll", Kind: 1},
												NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
											},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{
													{Expr: &ast.Var{Id: "functions", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions"}}}},
													{Expr: &ast.Var{Id: "x", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"x"}}}},
												},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions", "std", "x"}},
										},
										BranchTrue: &ast.Index{
											Target:   &ast.Var{Id: "functions", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions"}}},
											Index:    &ast.Var{Id: "x", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"x"}}},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions", "x"}},
										},
										BranchFalse: &ast.Apply{
											Target: &ast.Apply{
												Target:    &ast.Var{Id: "go", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"go"}}},
												Arguments: ast.Arguments{Positional: []ast.CommaSeparatedExpr{{Expr: &ast.LiteralString{Value: "unknown", Kind: 1}}}},
												NodeBase:  ast.NodeBase{FreeVars: ast.Identifiers{"go"}},
											},
											Arguments: ast.Arguments{
												Positional: []ast.CommaSeparatedExpr{
													{Expr: &ast.Var{Id: "x", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"x"}}}},
													{
														Expr: &ast.Apply{
															Target: &ast.Index{
																Target:   &ast.Var{Id: "std", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}}},
																Index:    &ast.LiteralString{Value: "objectFieldsAll", Kind: 1},
																NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"std"}},
															},
															Arguments: ast.Arguments{
																Positional: []ast.CommaSeparatedExpr{{Expr: &ast.Var{Id: "functions", NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions"}}}}},
															},
															NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions", "std"}},
														},
													},
												},
											},
											NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions", "go", "std", "x"}},
										},
										NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions", "go", "std", "x"}},
									},
									Parameters: []ast.Parameter{{Name: "x"}},
									NodeBase:   ast.NodeBase{FreeVars: ast.Identifiers{"functions", "go", "std"}},
								},
							},
						},
						Locals:   ast.LocalBinds{{Body: &ast.Self{}, Variable: "$"}},
						NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"functions", "go", "std"}},
					},
					NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "go", "kept", "member_at", "std"}},
				},
				NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "go", "kept", "member", "std"}},
			},
			NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "go", "kept", "std"}},
		},
		NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "go", "std"}},
	},
	NodeBase: ast.NodeBase{FreeVars: ast.Identifiers{"$std", "std"}},
}
